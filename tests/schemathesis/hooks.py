"""What schemathesis has to know of Admit One: which things exist, and which rules JSON Schema cannot say.

The variable THINGS holds ids that the person who calls can use, as JSON.
"""

import json
import os
import random
import re
import uuid

import schemathesis
from schemathesis.generation import GenerationMode

THINGS = json.loads(os.environ["THINGS"])

# Refusals of requests that fit their schema, each by a rule between fields or between a field and what
# is stored. Anything else that is well formed must be understood.
RULES = [
    re.compile(rule)
    for rule in [
        r"^(products\[\d+\]\.)?saleEndAt must be after saleStartAt",
        r"eventEndAt (must be after eventDate|needs eventDate)",
        r"saleEndAt must not be after eventEndAt",
        r"cancellation\.allowed is false: then",
        r"totalStock is needed, and at least 1",
        r"^(more products than one event may have|a sale must start before it ends)$",
        r"^send either code or ticketId$",
        r"must be the same for all products",
        r"is the name of another (product|section|row)",
        r"\.product must be the name of a product",
        r"\.totalStock (is needed|must be left out)",
        r"must have at most \d+ (places|seats) in all",
        r"(a|an|one) (event|hold) (has|may have) at most \d+ (places|seats)",
        r"policy\.holdMaxSeconds must not be below holdTtlSeconds",
        r"must be an id (as the event lists it|of this event)",
        r"partySize must be 1 to \d+",
        r"(price|amount)\.currency must be [A-Z]{3}",
        r"(newPassword|currentPassword) is missing",
        r"cursor must be",
        r"currentPassword is not the current password",
        r"^password (must not be one character|is one of the first)",
        r"^password is set: change it",
        r"^offeringId ",
        r"^state is missing",
        r"^action must be the name of an act",
        r"^send either holdId, or productId and quantity$",
        r"the total price is too large",
        r"row\.seats: an event has",
        r"^eventId is needed, in the body or in the query$",
        r"^eventId is one event in the query and another in the body$",
        r"^q cannot be combined with userId$",
        r"^timeZone must be the name of a time zone",
        r"^say what the hold has from now on",
        r"^until must be in the future",
        # The times, the waitlist and the decisions of a class.
        r"^(endAt|recruitEndAt) must (not )?be after",
        r"^waitlistCapacity (needs|must be)",
        r"^waitlistIfFull means something with APPROVED only$",
        r"^answers or status must be given, and only one$",
        r"^(an enrollment is named twice|attendance can be recorded)",
        r"^position must be 1 to",
        r"^reason must say why",
        r"^sort ",
        # What one way of paying needs and the others know nothing of.
        r"goes with (the method \w+|\"autoPay\": true|the type ENROLLMENT) only$",
        r"^paymentMethod is the id of a payment method of Stripe",
        r"^returnUrl ",
        # A webhook has an address that may be called, and filters that can let something through.
        r"^url must ",
        r"^types\[\d+\] must be a type",
        r"^eventIds\[\d+\] is not the id of an event",
        # Terms that are agreed to are current, and their text can be seen.
        r"^agreedTermIds must be ids of current terms",
        r"^content must not be empty",
        # A plan must be one that can be drawn and sold.
        r"^(sections|zones|blocks|labels|stage|format|seats)\b",
        # A form has limits that go with the types of its questions.
        r"^questions\b",
        r"^(plan\.|seatMap must be left out)",
    ]
]
# Refusals with codes of their own: the request was understood.
UNDERSTOOD = {
    "UNKNOWN_PRODUCT",
    "UNKNOWN_SECTION",
    "UNKNOWN_SEATS",
    "DUPLICATE_SEATS",
    "WRONG_KIND_OF_PRODUCT",
    "IDEMPOTENCY_KEY_REUSED",
    "NO_SUCH_INSTANCE",
    "PAYMENT_METHOD_UNAVAILABLE",
}
# Operations that end what the others need: they get an event of their own.
LAST = {"deleteClass", "changeClass", "deleteEvent", "cancelEvent", "closeSale", "pauseSale", "changeEvent", "replaceEvent"}
# They do not end by themselves; of events that exist they are tried elsewhere.
ENDLESS = {"followAvailability", "followQueue"}


def is_uuid(value):
    try:
        uuid.UUID(value)
    except (AttributeError, TypeError, ValueError):
        return False
    return True


def operation_id(case):
    return case.operation.definition.raw.get("operationId", "")


@schemathesis.hook
def before_call(context, case, kwargs):
    """Three of four well-formed requests are about things that exist."""
    meta = case.meta
    name = operation_id(case)
    if name in ENDLESS:
        # Schemathesis remembers the ids of events that it has seen.
        if is_uuid(case.path_parameters.get("event")):
            case.path_parameters["event"] = str(uuid.uuid4())
        return
    if meta is None or meta.generation.mode != GenerationMode.POSITIVE:
        return
    dice = random.Random(repr((name, case.path_parameters, case.body)))
    if dice.random() < 0.25:
        return
    for parameter in case.path_parameters or {}:
        known = THINGS.get(parameter)
        if known:
            case.path_parameters[parameter] = known
        if parameter == "product":
            case.path_parameters[parameter] = THINGS["products"][-1]
        if parameter == "seat":
            case.path_parameters[parameter] = dice.choice(THINGS["seats"])
        if parameter == "class" and name in LAST:
            case.path_parameters[parameter] = THINGS["spareClass"]
        if parameter == "event" and name in LAST:
            case.path_parameters[parameter] = THINGS["spareEvent"]
    if isinstance(case.body, (dict, list)):
        case.body = real(case.body, dice)


def real(value, dice):
    """The value with ids of things that exist, and the event's currency."""
    if isinstance(value, list):
        return [real(item, dice) for item in value]
    if not isinstance(value, dict):
        return value
    changed = {}
    for name, item in value.items():
        if name == "productId" and isinstance(item, str):
            item = dice.choice(THINGS["products"])
        elif name == "seats" and isinstance(item, list) and all(isinstance(seat, str) for seat in item):
            item = dice.sample(THINGS["seats"], min(len(item), 3))
        elif name == "section" and isinstance(item, str):
            item = THINGS["section"]
        elif name == "currency" and isinstance(item, str):
            item = "KRW"
        elif name in THINGS and isinstance(item, str) and isinstance(THINGS[name], str):
            item = THINGS[name]
        else:
            item = real(item, dice)
        changed[name] = item
    return changed


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """A refusal by a rule that no schema can say is no failure."""
    if type(failure).__name__ != "RejectedPositiveData":
        return True
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        return True
    if error["code"] in UNDERSTOOD:
        return False
    return not any(rule.search(error["message"]) for rule in RULES)
