//! The registrations of this shop with providers of identities.

use super::Secret;

/// The registrations; a provider without one is not offered.
#[derive(Clone, Debug, Default)]
pub struct SocialConfig {
    /// Google.
    pub google: SocialClient,
    /// Kakao.
    pub kakao: SocialClient,
    /// Naver; its `issuer` stands for both of Naver's hosts.
    pub naver: SocialClient,
    /// Another issuer of OpenID Connect.
    pub oidc: SocialClient,
    /// The name of that issuer on pages.
    pub oidc_name: Option<String>,
    /// Apple.
    pub apple: AppleClient,
}

/// A registration with a provider.
#[derive(Clone, Debug, Default)]
pub struct SocialClient {
    /// The id that the provider has given to this shop.
    pub client_id: Option<String>,
    /// The secret that goes with it.
    pub client_secret: Option<Secret>,
    /// Where the provider is; its own address when absent.
    pub issuer: Option<String>,
}

/// The registration with Apple.
#[derive(Clone, Debug, Default)]
pub struct AppleClient {
    /// The services id.
    pub client_id: Option<String>,
    /// The id of the developer's account.
    pub team_id: Option<String>,
    /// The id of the key.
    pub key_id: Option<String>,
    /// The key: the text of `AuthKey_….p8`.
    pub private_key: Option<Secret>,
    /// Where Apple is; its own address when absent.
    pub issuer: Option<String>,
}

impl SocialConfig {
    /// Checks that each registration is whole.
    ///
    /// # Errors
    /// What is missing, by the names of settings.
    pub(super) fn check(&self, public_url: Option<&str>) -> Result<(), String> {
        let of = |client: &SocialClient| {
            let SocialClient { client_id, client_secret, issuer } = client;
            (client_id.is_some(), client_secret.is_some(), issuer.is_some())
        };
        let mut first = None;
        for (name, client) in
            [("GOOGLE", &self.google), ("KAKAO", &self.kakao), ("NAVER", &self.naver)]
        {
            let (id, secret, issuer) = of(client);
            let id_name = format!("ADMITONE_{name}_CLIENT_ID");
            let secret_name = format!("ADMITONE_{name}_CLIENT_SECRET");
            let issuer_name = format!("ADMITONE_{name}_ISSUER");
            whole(&[(id_name.clone(), id), (secret_name, secret)], &[(issuer_name, issuer)])?;
            first = first.or(id.then_some(id_name));
        }
        let apple = &self.apple;
        let apple_has = [
            ("ADMITONE_APPLE_CLIENT_ID".to_owned(), apple.client_id.is_some()),
            ("ADMITONE_APPLE_TEAM_ID".to_owned(), apple.team_id.is_some()),
            ("ADMITONE_APPLE_KEY_ID".to_owned(), apple.key_id.is_some()),
            ("ADMITONE_APPLE_PRIVATE_KEY".to_owned(), apple.private_key.is_some()),
        ];
        whole(&apple_has, &[("ADMITONE_APPLE_ISSUER".to_owned(), apple.issuer.is_some())])?;
        let (id, secret, issuer) = of(&self.oidc);
        let oidc_has = [
            ("ADMITONE_OIDC_ISSUER".to_owned(), issuer),
            ("ADMITONE_OIDC_CLIENT_ID".to_owned(), id),
            ("ADMITONE_OIDC_CLIENT_SECRET".to_owned(), secret),
        ];
        whole(&oidc_has, &[("ADMITONE_OIDC_NAME".to_owned(), self.oidc_name.is_some())])?;
        let of_others = [&apple_has[0], &oidc_has[1]];
        let others = of_others.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name);
        if let (Some(name), None) = (first.as_ref().or(others.into_iter().next()), public_url) {
            return Err(format!(
                "{name} is set and ADMITONE_PUBLIC_URL is not: the provider sends people back to the \
                 address at which they reach the server, such as https://tickets.example.com"
            ));
        }
        Ok(())
    }
}

/// Checks that all of `parts` are set or none, and none of `extras` without them.
fn whole(parts: &[(String, bool)], extras: &[(String, bool)]) -> Result<(), String> {
    let set = parts.iter().chain(extras).find(|(_, is_set)| *is_set);
    let unset = parts.iter().find(|(_, is_set)| !is_set);
    match (set, unset) {
        (Some((set, _)), Some((unset, _))) => Err(format!(
            "{set} is set and {unset} is not: signing in by this provider needs both, so set it too, \
             or unset all of them"
        )),
        _ => Ok(()),
    }
}
