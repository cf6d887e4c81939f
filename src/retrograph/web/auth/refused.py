"""Why somebody is not let in, as the guard's parts say it to each other."""


class Refused(Exception):
    """The request goes no further. `detail` is a sentence that gives nothing away."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
