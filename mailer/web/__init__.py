"""The web: pages for recipients, the pixel, the API for applications, and health for whoever operates it."""
