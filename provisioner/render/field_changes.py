"""What differs within one task, as a tree of its fields.

Rule: only what differs is shown, each change under the fields it lies in; what stays is counted at
every level. A long text is shown as the lines that differ. A secret is never looked at here: it is
replaced before anything is compared or cut.
"""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from os.path import commonprefix
from typing import cast

from provisioner.core.address import JSONObject, JSONValue
from provisioner.core.diff import FieldChange, ItemKey
from provisioner.core.fields import OBJECTS, TASK, FieldRule, Kind
from provisioner.core.plan_document import HIDDEN
from provisioner.core.text import printable
from provisioner.render.body import is_leaf, item_value, items_word, object_lines
from provisioner.render.words import Pen, counted, item_label, label, quoted, shown_value, value_text
