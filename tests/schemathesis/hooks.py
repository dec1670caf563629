"""What schemathesis has to know of Admit One: which things exist, and which rules JSON Schema cannot say.

The variable THINGS holds ids that the person who calls can use, as JSON: by the name of a parameter or
a field, or by the operation and that name (`giveRole.userId`). A list has many, of which one is taken.
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
        r"^(password|newPassword) (must not be one character|is one of the first)",
        r"^password needs an e-mail address",
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
        r"^(until|opensAt) must be in the future",
        r"^redirect must be a path of this server",
        # The times, the waitlist and the decisions of a class.
        r"^(endAt|recruitEndAt) must (not )?be after",
        r"^waitlistCapacity (needs|must be)",
        r"^waitlistIfFull means something with APPROVED only$",
        r"^answers or status must be given, and only one$",
        r"^(an enrollment is named twice|attendance can be recorded)",
        r"^position must be 1 to",
        r"^reason must say why",
        r"^sort ",
        # A ban from a room names it, and no other does.
        r"^roomId must be named",
        # A picture is one by its content; concerts name artists, series and pictures that there are.
        r"^the form cannot be read",
        r"^file (must be|is damaged|is missing|may have)",
        r"^(artistIds|seriesId|posterId|imageIds|imageId) must (be|name|not name)",
        r"^ticketLinks(\[\d+\]\.url must be an address| must not name)",
        r"^ticketOpenDate must be between",
        # It is no plain request; sockets are tried elsewhere.
        r"^this opens a WebSocket",
        # The form in which tags are compared may be longer, or empty.
        r"^tags?(\[\d+\])? ",
        # What one way of paying needs and the others know nothing of.
        r"goes with (the method \w+|\"autoPay\": true|the type ENROLLMENT) only$",
        r"^paymentMethod is the id of a payment method of Stripe",
        r"^returnUrl ",
        # A webhook has an address that may be called, and filters that can let something through.
        r"^url must ",
        r"^types\[\d+\] must be a type",
        r"^eventIds\[\d+\] is not the id of an event",
        # Terms that are agreed to are current, and their text can be seen.
        r"^agreedTermIds must be",
        r"^(content|text) must not be empty",
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
    # Which questions there are is said by the form of the class.
    "INVALID_ANSWERS",
    # A login by a provider comes back once.
    "SOCIAL_LOGIN_EXPIRED",
}
# What a client says that it has already: a server that cannot read it sends all of it (RFC 9110, 13.1.2).
ONLY_HINTS = re.compile(r"Invalid component: parameter `(If-None-Match|Last-Event-ID)` in header")
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


def known(operation, name, dice):
    """A thing that exists, for a parameter or a field; None if it names none."""
    thing = THINGS.get(f"{operation}.{name}", THINGS.get(name))
    if isinstance(thing, list):
        thing = dice.choice(thing)
    return thing if isinstance(thing, str) else None


@schemathesis.hook
def before_call(context, case, kwargs):
    """Three of four well-formed requests are about things that exist."""
    # The answer that counts is that of the operation, not that of where it leads.
    kwargs["allow_redirects"] = False
    meta = case.meta
    name = operation_id(case)
    if name in ENDLESS:
        # Schemathesis remembers the ids of events that it has seen.
        if is_uuid(case.path_parameters.get("event")):
            case.path_parameters["event"] = str(uuid.uuid4())
        return
    if meta is None or meta.generation.mode != GenerationMode.POSITIVE:
        return
    dice = random.Random(repr((name, case.path_parameters, case.query, case.body)))
    if dice.random() < 0.25:
        return
    for parameters in (case.path_parameters or {}, case.query or {}):
        for parameter, value in parameters.items():
            thing = known(name, parameter, dice)
            if thing and isinstance(value, str):
                parameters[parameter] = thing
    for parameter in case.path_parameters or {}:
        if parameter == "product":
            case.path_parameters[parameter] = THINGS["products"][-1]
        if parameter == "seat":
            case.path_parameters[parameter] = dice.choice(THINGS["seats"])
        if parameter == "class" and name in LAST:
            case.path_parameters[parameter] = THINGS["spareClass"]
        if parameter == "event" and name in LAST:
            case.path_parameters[parameter] = THINGS["spareEvent"]
        if parameter == "event" and "/queue" in case.path:
            case.path_parameters[parameter] = THINGS["queuedEvent"]
    if name == "endSocialLogin":
        come_back(case, dice.choice(THINGS["logins"]))
    if isinstance(case.body, (dict, list)):
        case.body = real(name, case.body, dice)


def come_back(case, login):
    """Makes the request that of a browser that comes back from a provider."""
    case.path_parameters["provider"] = login["provider"]
    for parameter in ("error", "iss"):
        case.query.pop(parameter, None)
    case.query.update(state=login["state"], code=login["code"])
    case.cookies[login["cookie"]["name"]] = login["cookie"]["value"]


def real(operation, value, dice):
    """The value with ids of things that exist, and the event's currency."""
    if isinstance(value, list):
        return [real(operation, item, dice) for item in value]
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
        elif isinstance(item, str):
            item = known(operation, name, dice) or item
        else:
            item = real(operation, item, dice)
        changed[name] = item
    return changed


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """A refusal by a rule that no schema can say is no failure, and neither is a hint that is not heeded."""
    if type(failure).__name__ == "AcceptedNegativeData":
        return not ONLY_HINTS.search(failure.message)
    if type(failure).__name__ != "RejectedPositiveData":
        return True
    try:
        error = response.json()["error"]
    except (ValueError, KeyError, TypeError):
        return True
    if error["code"] in UNDERSTOOD:
        return False
    return not any(rule.search(error["message"]) for rule in RULES)
