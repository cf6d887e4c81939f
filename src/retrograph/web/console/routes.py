"""The pages: one router that includes those of `views/`."""

from fastapi import APIRouter

router = APIRouter(include_in_schema=False)
