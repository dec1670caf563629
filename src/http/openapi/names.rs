//! The ids of operations, from which generated clients name their methods: a verb, and its object.
//! An operation that is not listed is named after its method and path.

/// Returns the id of an operation.
pub(super) fn operation(method: &str, path: &str) -> String {
    listed(method, path).map_or_else(|| derived(method, path), str::to_owned)
}

fn listed(method: &str, path: &str) -> Option<&'static str> {
    Some(match (method, path) {
        ("get", "/api/events") => "listEvents",
        ("post", "/api/events") => "createEvent",
        ("get", "/api/events/{event}") => "getEvent",
        ("put", "/api/events/{event}") => "replaceEvent",
        ("patch", "/api/events/{event}") => "changeEvent",
        ("delete", "/api/events/{event}") => "deleteEvent",
        ("get", "/api/events/{event}/availability") => "getAvailability",
        ("get", "/api/events/{event}/seats") => "getSeatMap",
        ("get", "/api/events/{event}/plan") => "getPlan",
        ("get", "/api/events/{event}/seat-states") => "getSeatStates",
        ("get", "/api/events/{event}/stream") => "followAvailability",
        ("get", "/api/events/{event}/audit") => "auditEvent",
        ("get", "/api/events/{event}/feed") => "readFeed",
        ("get", "/api/mclasses/{class}/feed") => "readClassFeed",
        ("get", "/api/admin/outbox") => "listDeliveries",
        ("get", "/api/admin/outbox/{delivery}") => "getDelivery",
        ("post", "/api/admin/outbox/{delivery}/retry") => "retryDelivery",
        ("post", "/api/admin/outbox/{delivery}/cancel") => "cancelDelivery",
        ("post", "/api/admin/outbox/retry") => "retryParkedDeliveries",
        ("post", "/api/events/{event}/participate") => "participate",
        ("get", "/api/events/{event}/holds") => "listHolds",
        ("post", "/api/events/{event}/holds") => "placeHold",
        ("get", "/api/events/{event}/holds/{hold}") => "getHold",
        ("patch", "/api/events/{event}/holds/{hold}") => "changeHold",
        ("delete", "/api/events/{event}/holds/{hold}") => "releaseHold",
        ("post", "/api/events/{event}/holds/{hold}/extend") => "extendHold",
        ("get", "/api/events/{event}/waitlist") => "listWaitlistEntries",
        ("post", "/api/events/{event}/waitlist") => "joinWaitlist",
        ("get", "/api/events/{event}/waitlist/{entry}") => "getWaitlistEntry",
        ("delete", "/api/events/{event}/waitlist/{entry}") => "leaveWaitlist",
        ("post", "/api/events/{event}/waitlist/{entry}/accept") => "acceptOffer",
        ("get", "/api/reservations") => "listReservations",
        ("post", "/api/reservations") => "createReservation",
        ("get", "/api/reservations/{reservation}") => "getReservation",
        ("delete", "/api/reservations/{reservation}") => "deleteReservation",
        ("post", "/api/reservations/{reservation}/cancel") => "cancelReservation",
        ("get", "/api/tickets") => "listTickets",
        ("get", "/api/tickets/{ticket}") => "getTicket",
        ("get", "/api/tickets/{ticket}/qr.svg") => "getTicketPicture",
        ("post", "/api/checkins") => "checkIn",
        ("post", "/api/checkins/undo") => "undoCheckIn",
        ("post", "/api/events/{event}/products") => "addProduct",
        ("get", "/api/events/{event}/products/{product}") => "getProduct",
        ("patch", "/api/events/{event}/products/{product}") => "changeProduct",
        ("delete", "/api/events/{event}/products/{product}") => "withdrawProduct",
        ("get", "/api/admin/offerings/{event}/seats/{seat}") => "getSeat",
        ("get", "/api/admin/reservations") => "listAllReservations",
        ("get", "/api/admin/instances") => "listInstances",
        ("get", "/api/admin/offerings/{event}") => "locateEvent",
        ("get", "/api/admin/offerings/{event}/journal") => "exportJournal",
        ("post", "/api/admin/offerings/{event}/block") => "blockPlaces",
        ("post", "/api/admin/offerings/{event}/unblock") => "unblockPlaces",
        ("post", "/api/admin/offerings/{event}/resize") => "resizeProduct",
        ("post", "/api/admin/offerings/{event}/reprice") => "repriceProduct",
        ("post", "/api/admin/offerings/{event}/add-row") => "addRow",
        ("post", "/api/admin/offerings/{event}/remove-seats") => "removeSeats",
        ("post", "/api/admin/offerings/{event}/keep-seats") => "keepSeats",
        ("post", "/api/admin/offerings/{event}/move") => "moveEvent",
        ("post", "/api/admin/offerings/{event}/open") => "openSale",
        ("post", "/api/admin/offerings/{event}/pause") => "pauseSale",
        ("post", "/api/admin/offerings/{event}/close") => "closeSale",
        ("post", "/api/admin/offerings/{event}/cancel") => "cancelEvent",
        ("get", "/api/admin/venues") => "listVenues",
        ("post", "/api/admin/venues") => "createVenue",
        ("get", "/api/admin/venues/{venue}") => "getVenue",
        ("patch", "/api/admin/venues/{venue}") => "changeVenue",
        ("get", "/api/admin/venues/{venue}/plans") => "listPlanVersions",
        ("post", "/api/admin/venues/{venue}/plans") => "addPlanVersion",
        ("get", "/api/admin/venues/{venue}/plans/{version}") => "exportPlan",
        ("post", "/api/admin/plans/generate") => "generatePlan",
        ("get", "/api/admin/webhooks") => "listWebhooks",
        ("post", "/api/admin/webhooks") => "createWebhook",
        ("get", "/api/admin/webhooks/{webhook}") => "getWebhook",
        ("patch", "/api/admin/webhooks/{webhook}") => "changeWebhook",
        ("delete", "/api/admin/webhooks/{webhook}") => "deleteWebhook",
        ("post", "/api/admin/webhooks/{webhook}/rotate-secret") => "rotateWebhookSecret",
        ("post", "/api/admin/webhooks/{webhook}/ping") => "pingWebhook",
        ("post", "/api/admin/webhooks/{webhook}/replay") => "replayWebhook",
        ("get", "/api/admin/webhooks/{webhook}/deliveries") => "listWebhookDeliveries",
        ("post", "/api/admin/webhooks/{webhook}/deliveries/{delivery}/replay") => {
            "replayWebhookDelivery"
        }
        _ => return None,
    })
}

/// Derives an id: `get /api/admin/users/{user}/notes` becomes `getAdminUsersNotes`.
fn derived(method: &str, path: &str) -> String {
    let mut id = method.to_owned();
    let is_name = |part: &&str| !part.is_empty() && *part != "api" && !part.starts_with('{');
    for part in path.split(['/', '.', '-']).filter(is_name) {
        let mut letters = part.chars();
        id.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        id.push_str(letters.as_str());
    }
    id
}
