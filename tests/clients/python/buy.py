"""Buys tickets with nothing but the client that is generated from the document of the API.

Arguments: the server's address, an event on sale with numbered seats, and an account with money.
"""

import sys
import uuid
from typing import TypeVar

from admitone_client import AuthenticatedClient, Client
from admitone_client.api.auth import login
from admitone_client.api.events import get_event, get_seat_map
from admitone_client.api.holds import place_hold
from admitone_client.api.reservations import create_reservation, pay_reservation
from admitone_client.api.tickets import list_tickets
from admitone_client.models import (
    ErrorCode,
    EventStatus,
    Failure,
    HoldRequest,
    HoldStatus,
    LoginRequest,
    PayMethod,
    PaymentStatus,
    PayRequest,
    ReservationRequest,
    SeatStatus,
)

Answer = TypeVar("Answer")


def good(answer: "Answer | Failure | None") -> Answer:
    """The answer, unless it is a failure."""
    if answer is None or isinstance(answer, Failure):
        raise SystemExit(f"refused: {answer}")
    return answer


def key(name: str) -> str:
    return f"{name}-{uuid.uuid4()}"


def main(base_url: str, event_text: str, email: str, password: str) -> None:
    event_id = uuid.UUID(event_text)
    anybody = Client(base_url=base_url)
    request = LoginRequest(email=email, password=password)
    tokens = good(login.sync(client=anybody, body=request)).data
    client = AuthenticatedClient(base_url=base_url, token=tokens.access_token)

    event = good(get_event.sync(event_id, client=client)).data
    assert event.status == EventStatus.SELLING, event.status
    seat_map = good(get_seat_map.sync(event_id, client=client)).data
    seats = [seat for section in seat_map.sections for row in section.rows for seat in row.seats]
    free = [seat.id for seat in seats if seat.status == SeatStatus.AVAILABLE][:2]
    assert len(free) == 2, free

    wish = HoldRequest(seats=free)
    hold = good(
        place_hold.sync(event_id, client=client, body=wish, idempotency_key=key("hold"))
    ).data
    assert hold.status == HoldStatus.ACTIVE, hold.status
    assert hold.expires_at > hold.server_time

    taken = place_hold.sync(event_id, client=client, body=wish, idempotency_key=key("again"))
    assert isinstance(taken, Failure), taken
    assert taken.error.code == ErrorCode.SEATS_TAKEN, taken.error.code

    order = ReservationRequest(event_id=event_id, hold_id=hold.id)
    reservation = good(
        create_reservation.sync(client=client, body=order, idempotency_key=key("reserve"))
    ).data
    paid = good(
        pay_reservation.sync(
            reservation.id,
            client=client,
            body=PayRequest(method=PayMethod.WALLET),
            idempotency_key=key("pay"),
        )
    ).data
    assert paid.status == PaymentStatus.CONFIRMED, paid.status
    assert paid.amount == reservation.total_price

    tickets = good(list_tickets.sync(client=client, limit=10)).data
    bought = [ticket for ticket in tickets if ticket.reservation_id == reservation.id]
    assert len(bought) == 2, bought


main(*sys.argv[1:])
