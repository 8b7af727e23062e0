"""``python -m core.catalog.reader``: the process in which a file is read; asked on standard input, answers in JSON."""

import json
import sys
import traceback
from typing import Any

from core.catalog.limits import Limits, apply_limits
from core.errors import InputError


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The id of the catalogue, or what was raised."""
    try:
        apply_limits(Limits(**request["limits"]))
        from core.catalog.ingest import ingest
        from core.catalog.store import CatalogueStore

        store = CatalogueStore(request["root"])
        return {"id": ingest(request["file"], request["recipe"], name=request["name"], store=store).id}
    except InputError as error:
        file = None if error.file is None else str(error.file)
        named = {"reason": error.reason, "remedy": error.remedy, "file": file, "column": error.column}
        return {"error": type(error).__name__, **named}
    except Exception as error:  # noqa: BLE001  (passed on: the process that asked logs it under an id)
        return {"error": type(error).__name__, "reason": str(error), "traceback": traceback.format_exc()}


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(answer(json.load(sys.stdin))) + "\n")
