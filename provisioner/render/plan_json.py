"""A plan as JSON text, for policy tools and for looking at later.

Rule: the document and its schema belong to ``core.plan_document``; this is only its text.
"""

from provisioner.core.plan import Plan
from provisioner.core.plan_document import encode


def render_plan_json(plan: Plan) -> str:
    """The document that ``plan --out`` saves, ending with a newline."""
    return encode(plan).decode()
