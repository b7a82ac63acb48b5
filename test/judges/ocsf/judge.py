"""Judge events of OCSF, one JSON a line on standard input, by the schema of their class as ocsf-json-schema has it.

Prints one JSON: how many events of which classes, and what is wrong with them.
"""

import json
import sys

from jsonschema import Draft202012Validator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema


def main() -> None:
    schemas = OcsfJsonSchemaEmbedded(get_ocsf_schema(version="1.8.0"))
    validators = {}
    classes = {}
    faults = []
    for number, line in enumerate(sys.stdin, 1):
        event = json.loads(line)
        uid = event.get("class_uid")
        if uid not in validators:
            name = schemas.lookup_class_name_from_uid(uid)
            schema = schemas.get_class_schema(name, profiles=event["metadata"].get("profiles", []))
            Draft202012Validator.check_schema(schema)
            validators[uid] = Draft202012Validator(schema)
        classes[uid] = classes.get(uid, 0) + 1
        for error in validators[uid].iter_errors(event):
            where = "/".join(str(step) for step in error.absolute_path)
            faults.append(f"line {number}, class {uid}, {where or 'event'}: {error.message[:300]}")
    print(json.dumps({"classes": classes, "faults": faults}))


main()
