//! Every error code that clients can receive, with its status and meaning. One table produces both
//! the answers and their documentation. A published code keeps its meaning.

use actix_web::http::StatusCode;

macro_rules! error_codes {
    ($($name:ident = $status:ident $text:literal, $meaning:literal;)*) => {
        /// A stable error code of the API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ErrorCode {
            $(#[doc = $meaning] $name,)*
        }

        impl ErrorCode {
            /// All codes, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Returns the text that clients compare with.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// Returns the status that the code is sent with.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),* }
            }

            /// Returns the meaning and the advice to clients, for the documentation.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning),* }
            }
        }
    };
}

error_codes! {
    // The request itself.
    BadRequest = BAD_REQUEST "BAD_REQUEST", "The request could not be understood.";
    MalformedJson = BAD_REQUEST "MALFORMED_JSON", "The body is not JSON; the message says where.";
    MalformedIdempotencyKey = BAD_REQUEST "MALFORMED_IDEMPOTENCY_KEY",
        "Idempotency-Key is 1 to 255 visible ASCII characters.";
    IdempotencyKeyRequired = UNPROCESSABLE_ENTITY "IDEMPOTENCY_KEY_REQUIRED",
        "This operation moves money and needs an Idempotency-Key.";
    Invalid = UNPROCESSABLE_ENTITY "INVALID", "A value is not allowed; the message names it.";
    KeyReused = UNPROCESSABLE_ENTITY "IDEMPOTENCY_KEY_REUSED",
        "The idempotency key was used before for a different request.";
    KeyInProgress = CONFLICT "IDEMPOTENCY_KEY_IN_PROGRESS",
        "The first request with this key is still at work; ask again.";
    NotFound = NOT_FOUND "NOT_FOUND",
        "No such thing, or it belongs to somebody else, or no such route.";
    MethodNotAllowed = METHOD_NOT_ALLOWED "METHOD_NOT_ALLOWED",
        "The route exists, but not with this method.";
    RequestTimeout = REQUEST_TIMEOUT "REQUEST_TIMEOUT", "The request did not arrive in time.";
    PayloadTooLarge = PAYLOAD_TOO_LARGE "PAYLOAD_TOO_LARGE", "The body is larger than allowed.";
    UnsupportedMediaType = UNSUPPORTED_MEDIA_TYPE "UNSUPPORTED_MEDIA_TYPE",
        "Send the body as application/json.";
    // The caller.
    ForeignPage = FORBIDDEN "FOREIGN_PAGE",
        "A form or a cookie came from a page of another site; open the page here and send it again.";
    Unauthorized = UNAUTHORIZED "UNAUTHORIZED",
        "No access token, or one that is not valid (any more): log in or refresh.";
    TokenExpired = UNAUTHORIZED "TOKEN_EXPIRED", "The access token has expired: refresh it.";
    InvalidCredentials = UNAUTHORIZED "INVALID_CREDENTIALS", "Wrong e-mail address or password.";
    InvalidRefreshToken = UNAUTHORIZED "INVALID_REFRESH_TOKEN",
        "Unknown, expired or revoked refresh token: log in again.";
    RefreshTokenReused = UNAUTHORIZED "REFRESH_TOKEN_REUSED",
        "The refresh token was used before; everything issued from that login is revoked.";
    Forbidden = FORBIDDEN "FORBIDDEN", "This needs a role that you do not have: ask an administrator.";
    SelfChargeOff = FORBIDDEN "WALLET_SELF_CHARGE_OFF",
        "Customers cannot charge their wallets here: an administrator does, or the operator turns \
         ADMITONE_WALLET_SELF_CHARGE on.";
    EmailTaken = CONFLICT "EMAIL_TAKEN", "An account with this e-mail address exists.";
    SocialLoginExpired = BAD_REQUEST "SOCIAL_LOGIN_EXPIRED",
        "This login by a provider was begun in another browser or for another account, was used before \
         or took longer than 10 minutes: begin again.";
    SocialLoginDenied = UNAUTHORIZED "SOCIAL_LOGIN_DENIED",
        "The provider refused the person, most often because the person cancelled.";
    SocialAnswerRefused = BAD_GATEWAY "SOCIAL_ANSWER_REFUSED",
        "The provider's answer proves nothing: begin again; the operator finds the cause in the log.";
    ProviderUnavailable = SERVICE_UNAVAILABLE "PROVIDER_UNAVAILABLE",
        "The provider does not answer: try again, or sign in another way.";
    IdentityTaken = CONFLICT "IDENTITY_TAKEN",
        "This identity belongs to another account: sign in to that one and unlink it there.";
    ProviderLinked = CONFLICT "PROVIDER_LINKED",
        "The account has another identity of this provider: unlink that one first.";
    LastWayIn = CONFLICT "LAST_WAY_IN",
        "This is the only way to sign in: set a password (with an e-mail address) or link another provider first.";
    LoginTooOld = FORBIDDEN "LOGIN_TOO_OLD",
        "This session has ended or is older than 10 minutes: sign in again, and repeat the request then.";
    EmailSet = CONFLICT "EMAIL_SET", "The account has an e-mail address.";
    AccountRequired = FORBIDDEN "ACCOUNT_REQUIRED", "A guest has no account: register first.";
    NotAGuest = CONFLICT "NOT_A_GUEST", "The caller has an account, and only a guest can do this.";
    InvalidClaimCode = UNAUTHORIZED "INVALID_CLAIM_CODE", "Wrong e-mail address or claim code.";
    InvalidLink = GONE "INVALID_LINK",
        "The link of a mail was used, has expired, or its address or password was changed: ask for a \
         new one.";
    LastAdministrator = CONFLICT "LAST_ADMINISTRATOR",
        "The last administrator cannot be removed.";
    AccountNotSettled = CONFLICT "ACCOUNT_NOT_SETTLED",
        "The account has money or living reservations: details list them, `settle` says what \
         becomes of them.";
    TooManyRequests = TOO_MANY_REQUESTS "TOO_MANY_REQUESTS",
        "Too many requests or attempts: wait as long as Retry-After says. If `details.challenge` names one, \
         the request passes with its proof of work.";
    LoginLocked = TOO_MANY_REQUESTS "LOGIN_LOCKED",
        "Too many wrong passwords: wait as long as Retry-After says, set a new password by a link in a mail, \
         or log in on a device used before.";
    TooManyKeys = TOO_MANY_REQUESTS "TOO_MANY_IDEMPOTENCY_KEYS",
        "Too many idempotency keys of one customer are remembered for this event.";
    // Selling.
    EventNotFound = NOT_FOUND "EVENT_NOT_FOUND", "There is no such event.";
    SoldOut = CONFLICT "SOLD_OUT", "Fewer places are free than were asked for.";
    SeatsTaken = CONFLICT "SEATS_TAKEN", "Some seats are taken: details.seats names them, details.nearest free ones near them.";
    UnknownProduct = UNPROCESSABLE_ENTITY "UNKNOWN_PRODUCT", "No such product in this event.";
    UnknownSection = UNPROCESSABLE_ENTITY "UNKNOWN_SECTION", "No such section in this event.";
    UnknownSeats = UNPROCESSABLE_ENTITY "UNKNOWN_SEATS", "No such seats in this event.";
    DuplicateSeats = UNPROCESSABLE_ENTITY "DUPLICATE_SEATS", "The same seat twice in one request.";
    WrongKindOfProduct = UNPROCESSABLE_ENTITY "WRONG_KIND_OF_PRODUCT",
        "Numbered seats asked for by quantity, or the other way round.";
    LimitExceeded = CONFLICT "LIMIT_EXCEEDED", "More places than one customer may have.";
    SaleNotOpen = CONFLICT "SALE_NOT_OPEN", "The sale has not started: details.opensAt.";
    SaleClosed = CONFLICT "SALE_CLOSED", "The sale is over.";
    SalePaused = CONFLICT "SALE_PAUSED", "The sale is paused by an administrator.";
    EventCancelled = CONFLICT "EVENT_CANCELLED", "The event does not take place.";
    HoldNotFound = NOT_FOUND "HOLD_NOT_FOUND", "No such hold of yours.";
    HoldExpired = GONE "HOLD_EXPIRED", "The hold's time was up; its places are free again.";
    HoldEnded = CONFLICT "HOLD_ENDED", "The hold was released or checked out before.";
    ExtensionExhausted = CONFLICT "EXTENSION_EXHAUSTED", "The hold cannot live any longer.";
    ReservationNotFound = NOT_FOUND "RESERVATION_NOT_FOUND", "No such reservation of yours.";
    ReservationExpired = GONE "RESERVATION_EXPIRED", "The time to pay is over.";
    WrongState = CONFLICT "WRONG_STATE", "Not possible in the state the thing is in.";
    PaymentInProgress = CONFLICT "PAYMENT_IN_PROGRESS",
        "Another payment of this reservation is at work.";
    PaymentDeclined = CONFLICT "PAYMENT_DECLINED", "The payment was not accepted.";
    PaymentMethodUnavailable = UNPROCESSABLE_ENTITY "PAYMENT_METHOD_UNAVAILABLE",
        "This method of payment is not offered here.";
    InsufficientBalance = CONFLICT "INSUFFICIENT_BALANCE", "The wallet does not hold enough.";
    CancellationRefused = CONFLICT "CANCELLATION_REFUSED",
        "By the event's terms a customer cannot cancel this (any more): details.until.";
    ProductWithdrawn = CONFLICT "PRODUCT_WITHDRAWN", "The product is not offered any more.";
    WrongEvent = CONFLICT "WRONG_EVENT",
        "The ticket is of another event and was not used: details say which.";
    TicketNotFound = NOT_FOUND "TICKET_NOT_FOUND", "No such ticket.";
    AlreadyCheckedIn = CONFLICT "ALREADY_CHECKED_IN", "The ticket was used before.";
    WaitlistUnavailable = CONFLICT "WAITLIST_UNAVAILABLE", "The waitlist is off or full.";
    AlreadyWaiting = CONFLICT "ALREADY_WAITING", "Already on the waitlist for this product.";
    PlacesAvailable = CONFLICT "PLACES_AVAILABLE", "Places are free: hold them instead.";
    WaitlistEntryNotFound = NOT_FOUND "WAITLIST_ENTRY_NOT_FOUND", "No such entry of yours.";
    BelowTaken = CONFLICT "BELOW_TAKEN", "The size cannot go below what is taken.";
    // Classes.
    ClassNotFound = NOT_FOUND "CLASS_NOT_FOUND", "There is no such class.";
    ClassCanceled = CONFLICT "CLASS_CANCELED", "The class does not take place.";
    RecruitmentNotOpen = CONFLICT "RECRUITMENT_NOT_OPEN",
        "The class does not take applications yet: details.opensAt.";
    RecruitmentOver = CONFLICT "RECRUITMENT_OVER",
        "The class takes no more applications: details.endedAt.";
    AlreadyEnrolled = CONFLICT "ALREADY_ENROLLED",
        "You have applied for this class: details.enrollmentId.";
    ReapplyRefused = CONFLICT "REAPPLY_REFUSED",
        "The class takes one application from each person: details.enrollmentId.";
    ClassFull = CONFLICT "CLASS_FULL",
        "All places, and all of the waitlist if there is one, are taken: details say how many there are.";
    NoPlacesLeft = CONFLICT "NO_PLACES_LEFT",
        "The approval needs a place: details.placesLeft. Raise the capacity or use the waitlist.";
    PlacesLeft = CONFLICT "PLACES_LEFT",
        "Places are free, so this application does not wait: approve it instead; details.placesLeft.";
    TooManyApplications = CONFLICT "TOO_MANY_APPLICATIONS",
        "You have applied for this class as often as one person may: details.limit.";
    QueueIsOn = CONFLICT "QUEUE_IS_ON",
        "The event has a waiting room, which is its waitlist: enter its queue instead.";
    NoQueue = NOT_FOUND "NO_QUEUE", "The event has no waiting room that is on.";
    QueueClosing = CONFLICT "QUEUE_CLOSING",
        "The queue is being closed for its draw: ask again in a second.";
    QueueClosed = CONFLICT "QUEUE_CLOSED", "The queue takes no new entries.";
    QueueFull = CONFLICT "QUEUE_FULL", "The queue has as many entries as it can have: details.max.";
    InQueue = CONFLICT "IN_QUEUE", "All who were named are in the queue already.";
    NotInQueue = NOT_FOUND "NOT_IN_QUEUE", "No entry of yours waits in this queue.";
    QueueVoided = FORBIDDEN "QUEUE_VOIDED",
        "The organiser has voided your entry: you cannot enter this queue again.";
    QueueNotForYou = FORBIDDEN "QUEUE_NOT_FOR_YOU",
        "The organiser lets other accounts into this queue: details say which.";
    ChallengeRequired = FORBIDDEN "CHALLENGE_REQUIRED",
        "The queue asks for a proof of work: get a challenge, solve it, send it as X-Queue-Proof.";
    ChallengeFailed = FORBIDDEN "CHALLENGE_FAILED",
        "The proof of work does not count: get a new challenge. details.reason says why.";
    QueueCrowded = TOO_MANY_REQUESTS "QUEUE_CROWDED",
        "Many enter from one network address: wait as long as Retry-After says. Before the opening no \
         place is lost by waiting.";
    QueueTurnsUsed = CONFLICT "QUEUE_TURNS_USED",
        "You have entered this queue as often as one person may.";
    QueueArchived = GONE "QUEUE_ARCHIVED",
        "The rows of the journal with the queue were moved to files.";
    PassRequired = FORBIDDEN "PASS_REQUIRED",
        "The event has a waiting room: enter its queue and send the pass as X-Pass-Token.";
    PassExpired = FORBIDDEN "PASS_EXPIRED",
        "The pass was not used in time, or is of an earlier queue: enter the queue again.";
    PassUsed = FORBIDDEN "PASS_USED",
        "The pass was used, and its session is over: enter the queue again.";
    EnrollmentNotFound = NOT_FOUND "ENROLLMENT_NOT_FOUND", "No such enrollment of yours.";
    VersionConflict = CONFLICT "VERSION_CONFLICT",
        "It has changed since the version named: read it again; details.currentVersion.";
    SelectionFrozen = CONFLICT "SELECTION_FROZEN",
        "selectionType cannot change after the first application.";
    FormNotFound = NOT_FOUND "FORM_NOT_FOUND",
        "The class has no enrollment form, or not this version of it.";
    FormExists = CONFLICT "FORM_EXISTS",
        "The class has an enrollment form: change it with PUT. details.currentVersion.";
    FormChanged = CONFLICT "FORM_CHANGED",
        "The form is another one than the one that was shown: read it again; details.currentVersion.";
    FormInactive = CONFLICT "FORM_INACTIVE", "The enrollment form takes no answers now.";
    InvalidAnswers = UNPROCESSABLE_ENTITY "INVALID_ANSWERS",
        "Answers do not fit the enrollment form: details.answers names each question and the reason.";
    HasEnrollments = CONFLICT "CLASS_HAS_ENROLLMENTS",
        "Enrollments are not over: cancel the class with `cancelEnrollments=true`.";
    CertificateUnavailable = CONFLICT "CERTIFICATE_UNAVAILABLE",
        "No certificate of attendance: details.reason says why.";
    ExportTooLarge = UNPROCESSABLE_ENTITY "EXPORT_TOO_LARGE",
        "A spreadsheet has fewer rows than there are enrollments: export them as CSV.";
    TooManyWebhooks = CONFLICT "TOO_MANY_WEBHOOKS",
        "As many webhooks exist as may: delete one first.";
    Conflict = CONFLICT "CONFLICT", "It contradicts what is stored; read it again.";
    Unstorable = UNPROCESSABLE_ENTITY "UNSTORABLE_VALUE", "A value cannot be stored.";
    // The server.
    Busy = SERVICE_UNAVAILABLE "BUSY", "Too many requests are waiting: retry after Retry-After.";
    FeedArchived = GONE "FEED_ARCHIVED",
        "The messages after this cursor were moved to files; the message says where the feed begins.";
    TooManyStreams = SERVICE_UNAVAILABLE "TOO_MANY_STREAMS",
        "As many streams are open as may be: poll availability, or retry after Retry-After.";
    Unavailable = SERVICE_UNAVAILABLE "TEMPORARILY_UNAVAILABLE",
        "The database is away or an event recovers: retry after Retry-After.";
    OutcomeUnknown = SERVICE_UNAVAILABLE "OUTCOME_UNKNOWN",
        "It may or may not have taken effect: retry with the same Idempotency-Key to learn.";
    ClockNotTrusted = SERVICE_UNAVAILABLE "CLOCK_NOT_TRUSTED",
        "The clocks of server and database disagree; nothing is decided meanwhile.";
    ShuttingDown = SERVICE_UNAVAILABLE "SHUTTING_DOWN", "The server is stopping: retry.";
    NotReady = SERVICE_UNAVAILABLE "NOT_READY", "The server is not ready: details say why.";
    NotOfThisCluster = FORBIDDEN "NOT_OF_THIS_CLUSTER",
        "A call between instances without the seal of this cluster's secret.";
    OtherProtocol = BAD_REQUEST "OTHER_PROTOCOL",
        "A call between instances in another version's words.";
    LoopDetected = LOOP_DETECTED "LOOP_DETECTED",
        "A call was handed on from instance to instance too often.";
    LeasesAway = SERVICE_UNAVAILABLE "LEASES_AWAY",
        "Redis is away: nothing can be moved by hand until it is back.";
    NoSuchInstance = UNPROCESSABLE_ENTITY "NO_SUCH_INSTANCE",
        "No live instance has this name: the message lists those there are.";
    JournalDamaged = INTERNAL_SERVER_ERROR "JOURNAL_DAMAGED",
        "The event's history was damaged or tampered with: details name the first bad row.";
    Internal = INTERNAL_SERVER_ERROR "INTERNAL_ERROR",
        "A fault of the server; quote the requestId when you report it.";
    // Clients of other systems.
    InvalidSignature = BAD_REQUEST "INVALID_SIGNATURE",
        "A notification whose signature is not valid, too old, or over another body.";
    NotTheCaller = FORBIDDEN "NOT_THE_CALLER",
        "clientId is not the id of the user whose access token was sent: leave it out.";
    // What fans do around a sale.
    SetlistNotFound = NOT_FOUND "SETLIST_NOT_FOUND",
        "The event has no setlist, or not this version of it.";
    ChatBanned = FORBIDDEN "CHAT_BANNED",
        "You are banned from this room: details.until says until when (null: for ever), details.reason why.";
    ChatNotJoined = FORBIDDEN "CHAT_NOT_JOINED", "Only members of the room do this: join it first.";
    ChatNotAllowed = FORBIDDEN "CHAT_NOT_ALLOWED",
        "This is for the author of a message, or for the owner and moderators of a room.";
    TooSlow = TOO_MANY_REQUESTS "TOO_SLOW",
        "A connection of the chat did not read its frames in time, and ends: connect again.";
    // Terms that people agree to.
    TermNotCurrent = CONFLICT "TERM_NOT_CURRENT",
        "This version was replaced or retired: details.currentId names the one in its place, if any.";
    TermsNotAgreed = CONFLICT "TERMS_NOT_AGREED",
        "Required terms are not agreed to: details.terms lists them. Agree and repeat the request.";
    // What fans write.
    Banned = FORBIDDEN "BANNED",
        "A moderator keeps you from writing this: details.reason says why, details.until how long (null: for ever).";
    AlreadyReported = CONFLICT "ALREADY_REPORTED", "You have reported this before; moderators will look at it.";
    // Taking part in free events.
    ParticipationUnavailable = CONFLICT "PARTICIPATION_UNAVAILABLE",
        "Only an event whose single product is free is taken part in at once: hold or reserve.";
    EventNotOpen = FORBIDDEN "EVENT_NOT_OPEN",
        "Participation is not open now: details.reason says why, details.opensAt when it will be.";
    EventAlreadyParticipated = CONFLICT "EVENT_ALREADY_PARTICIPATED",
        "You have a place in this event: details has the id of the participation, or of the hold.";
    EventCapacityExceeded = CONFLICT "EVENT_CAPACITY_EXCEEDED",
        "All places are taken: wait for one on the waitlist.";
}

#[cfg(test)]
mod tests {
    use super::ErrorCode;

    #[test]
    fn codes_are_unique_upper_snake_case() {
        let mut seen = std::collections::HashSet::new();
        for code in ErrorCode::ALL {
            let text = code.as_str();
            assert!(seen.insert(text), "{text} twice");
            assert!(text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'), "{text}");
            assert!(code.status().is_client_error() || code.status().is_server_error());
        }
    }
}
