//! The parts of pages about signing in by a provider: the buttons, and the section of the account's page.

use maud::{Markup, html};

use crate::accounts::{SocialProvider, WaysIn};
use crate::config::MailMode;
use crate::http::api::accounts::social::path_name;
use crate::http::state::AppState;
use crate::store::UserRow;
use crate::web::fields::Field;
use crate::web::format;
use crate::web::forms::local_path;
use crate::web::visitor::Visitor;

/// Renders the buttons of the providers that the operator has registered with; nothing without any.
/// They are links: a browser follows no form to another site, as the policy of these pages says.
pub(super) fn buttons(state: &AppState, visitor: &Visitor, back: &str) -> Markup {
    let back: String = form_urlencoded::byte_serialize(local_path(back).as_bytes()).collect();
    let offered: Vec<_> = state.accounts.social_providers().collect();
    html! {
        @if !offered.is_empty() {
            section.stack.providers aria-label=(visitor.text("social.title")) {
                p.hint { (visitor.text("social.or")) }
                @for (provider, name) in offered {
                    a.button.quiet href={ "/sign-in/" (path_name(provider)) "?back=" (back) } rel="nofollow" {
                        (visitor.fill("social.continue", &[("provider", name)]))
                    }
                }
            }
        }
    }
}

/// Renders the ways to sign in to an account, with what can be done about them; nothing where no provider
/// is offered or linked.
pub(super) fn of_account(state: &AppState, visitor: &Visitor, ways: &WaysIn) -> Markup {
    let offered: Vec<_> = state.accounts.social_providers().collect();
    let name_of = |provider: SocialProvider| {
        let found = offered.iter().find(|(other, _)| *other == provider);
        found.map_or(provider.as_str(), |(_, name)| *name)
    };
    let is_linked = |provider| ways.identities.iter().any(|one| one.provider == provider);
    let can_unlink = ways.has_password || ways.identities.len() > 1;
    html! {
        @if !offered.is_empty() || !ways.identities.is_empty() {
            h2 { (visitor.text("social.title")) }
            ul.lines {
                @for identity in &ways.identities {
                    @let at = format::date_time(visitor.language, identity.last_login_at, visitor.site.zone);
                    @let name = name_of(identity.provider);
                    li {
                        div {
                            strong { (name) }
                            p.hint {
                                @if let Some(email) = &identity.email_at_link { (email) br; }
                                (visitor.fill("social.last_login", &[("at", &at)]))
                            }
                        }
                        @if can_unlink {
                            form method="post"
                                action={ "/account/identities/" (path_name(identity.provider)) "/remove" } {
                                button.link {
                                    (visitor.text("social.unlink"))
                                    span.visually-hidden { ": " (name) }
                                }
                            }
                        }
                    }
                }
            }
            @if !can_unlink {
                p.hint { (visitor.text("social.only_way")) }
            }
            div.actions {
                @for (provider, name) in offered.iter().filter(|(provider, _)| !is_linked(*provider)) {
                    form method="post" action={ "/account/identities/" (path_name(*provider)) } {
                        button.button.quiet { (visitor.fill("social.link", &[("provider", name)])) }
                    }
                }
            }
        }
    }
}

/// True for an account whose address is to be confirmed by the link of a mail.
pub(super) fn is_to_confirm(state: &AppState, user: &UserRow) -> bool {
    let sends_mails = state.config.mail_mode() != MailMode::Off;
    sends_mails && !user.email.is_empty() && user.email_confirmed_at.is_none()
}

/// Renders the form for the first password of an account.
pub(super) fn first_password(visitor: &Visitor) -> Markup {
    let password = Field {
        name: "password",
        label: visitor.text("account.password"),
        kind: "password",
        hint: Some(visitor.text("account.password_hint")),
        autocomplete: Some("new-password"),
        required: true,
        min_length: Some(8),
        max_length: Some(128),
        ..Field::default()
    };
    html! {
        h2 { (visitor.text("mail_links.new_password")) }
        form.stack method="post" action="/account/first-password" {
            p.hint { (visitor.text("social.password_explained")) }
            (password.render())
            button.button.quiet { (visitor.text("mail_links.new_password")) }
        }
    }
}

/// Renders the form for the address of an account that has none, or none that is confirmed.
pub(super) fn email_form(visitor: &Visitor, is_first: bool) -> Markup {
    let email = Field {
        name: "email",
        label: visitor.text("account.email"),
        kind: "email",
        autocomplete: Some("email"),
        required: true,
        max_length: Some(254),
        ..Field::default()
    };
    html! {
        form.stack method="post" action="/account/email" {
            p.hint {
                (visitor.text(if is_first { "social.no_email" } else { "social.other_email" }))
            }
            (email.render())
            button.button.quiet { (visitor.text("social.add_email")) }
        }
    }
}
