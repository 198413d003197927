"""The form of the columns of an uploaded file."""

from fastapi import APIRouter

router = APIRouter(include_in_schema=False)
