//! What a provider has said of a person, and of an error.

/// A person, as a provider has proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::accounts) struct Known {
    /// Empty for providers whose name says who they are.
    pub(in crate::accounts) issuer: String,
    pub(in crate::accounts) subject: String,
    pub(in crate::accounts) email: Option<String>,
    /// True if the provider says that the address is this person's.
    pub(in crate::accounts) is_email_verified: bool,
    pub(in crate::accounts) name: Option<String>,
}

/// Returns the start of a provider's word about an error, without characters that could deceive.
pub(super) fn short(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(100).collect()
}
