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

#[cfg(test)]
mod tests {
    use crate::config::{Config, Sources};

    /// A key that is good for nothing else.
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgj3hs\
        qhg7EfIITtBD8/BZCstZ/Bo75sF/IO3cv7wP1wehRANCAAQkfAHdVQ62iPk2PLHg8fWsRtgDD+ccL2XepVrFAtYo1J5z\
        gAHESpYhsogdAIoBRKP8NsppqI0cNDYHZKKe6wq7\\n-----END PRIVATE KEY-----";

    fn load(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let environment = pairs.iter().map(|(k, v)| (format!("ADMITONE_{k}"), (*v).to_owned()));
        let sources = Sources { environment: environment.collect(), ..Sources::default() };
        Config::load(&sources).map_err(|error| error.to_string())
    }

    #[test]
    fn half_a_registration_with_a_provider_is_refused_with_what_is_missing() {
        let url = ("PUBLIC_URL", "https://tickets.example");
        let (id, secret) = (("GOOGLE_CLIENT_ID", "an-id"), ("GOOGLE_CLIENT_SECRET", "a-secret"));
        let apple = [
            ("APPLE_CLIENT_ID", "an-id"),
            ("APPLE_TEAM_ID", "TEAM"),
            ("APPLE_KEY_ID", "KEY"),
            ("APPLE_PRIVATE_KEY", KEY),
        ];
        let oidc = [
            ("OIDC_ISSUER", "https://id.example"),
            ("OIDC_CLIENT_ID", "an-id"),
            ("OIDC_CLIENT_SECRET", "a-secret"),
        ];
        assert!(load(&[url, id, secret]).is_ok());
        assert!(load(&[&[url][..], &apple, &oidc].concat()).is_ok());
        for (pairs, says) in [
            (vec![url, id], "ADMITONE_GOOGLE_CLIENT_SECRET"),
            (vec![url, secret], "ADMITONE_GOOGLE_CLIENT_ID"),
            (vec![url, ("NAVER_ISSUER", "https://n.example")], "ADMITONE_NAVER_CLIENT_ID"),
            (vec![id, secret], "ADMITONE_PUBLIC_URL"),
            (oidc.to_vec(), "ADMITONE_PUBLIC_URL"),
            (apple.to_vec(), "ADMITONE_PUBLIC_URL"),
            ([&[url][..], &apple[..3]].concat(), "ADMITONE_APPLE_PRIVATE_KEY"),
            ([&[url][..], &apple[1..]].concat(), "ADMITONE_APPLE_CLIENT_ID"),
            ([&[url][..], &oidc[1..]].concat(), "ADMITONE_OIDC_ISSUER"),
            (vec![url, ("OIDC_NAME", "The club")], "ADMITONE_OIDC_ISSUER"),
            (vec![("OIDC_ISSUER", "http://id.example")], "at https"),
            (vec![("OIDC_ISSUER", "http://127.id.example")], "at https"),
            (vec![("OIDC_ISSUER", "http://169.254.169.254")], "at https"),
            (vec![("OIDC_ISSUER", "http://[::ffff:10.0.0.1]")], "at https"),
            (vec![("OIDC_ISSUER", "file:///etc/passwd")], "at https"),
            (vec![("OIDC_ISSUER", "https://user:pw@id.example")], "more than a host"),
            (vec![("OIDC_ISSUER", "https://id.example/?a=b")], "more than a host"),
            (vec![("OIDC_ISSUER", "id.example")], "not a URL"),
            (vec![("APPLE_PRIVATE_KEY", "a secret")], "AuthKey"),
            (vec![("APPLE_PRIVATE_KEY", &KEY.replace("MIGH", "MIGG"))], "ES256"),
            (vec![("OIDC_CLIENT_SECRET_FILE", "/nowhere/at/all")], "cannot be read"),
        ] {
            let said = load(&pairs).expect_err(says);
            assert!(said.contains(says), "{said}");
            assert!(!said.contains("a-secret") && !said.contains("MIGH"), "{said}");
        }
        assert!(
            load(&[("OIDC_ISSUER", "http://127.0.0.1:1/a")]).is_err_and(|e| e.contains("CLIENT"))
        );
    }
}
