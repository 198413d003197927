"""The console of staff: signing in, second factors, people and their roles, and the frame of its pages."""
