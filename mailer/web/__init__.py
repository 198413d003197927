"""The web: pages for recipients, the pixel, the API for applications, and the health check."""
