//! The settings of the providers that people sign in by.

use super::key::Key;
use super::values::{apple_key, file, id, issuer, text, word};

/// The settings of all providers.
pub(super) const SOCIAL: &[Key] = &[
    key!(
        "google_client_id",
        "ADMITONE_GOOGLE_CLIENT_ID",
        "ID",
        "Let people sign in by Google, with this client id of the shop there; needs ADMITONE_PUBLIC_URL [no Google]",
        |c, v| id(v).map(|v| c.social.google.client_id = Some(v))
    ),
    key!(secret
        "google_client_secret",
        "ADMITONE_GOOGLE_CLIENT_SECRET",
        "SECRET",
        "The client secret that goes with it [required with the id]",
        |c, v| word(v).map(|v| c.social.google.client_secret = Some(v))
    ),
    key!(
        "google_issuer",
        "ADMITONE_GOOGLE_ISSUER",
        "URL",
        "Where Google is, for tests and proxies [https://accounts.google.com]",
        |c, v| issuer(v).map(|v| c.social.google.issuer = Some(v))
    ),
    key!(
        "kakao_client_id",
        "ADMITONE_KAKAO_CLIENT_ID",
        "ID",
        "Let people sign in by Kakao, with this REST API key of the shop there; needs ADMITONE_PUBLIC_URL [no Kakao]",
        |c, v| id(v).map(|v| c.social.kakao.client_id = Some(v))
    ),
    key!(secret
        "kakao_client_secret",
        "ADMITONE_KAKAO_CLIENT_SECRET",
        "SECRET",
        "The client secret that goes with it [required with the id]",
        |c, v| word(v).map(|v| c.social.kakao.client_secret = Some(v))
    ),
    key!(
        "kakao_issuer",
        "ADMITONE_KAKAO_ISSUER",
        "URL",
        "Where Kakao is, for tests and proxies [https://kauth.kakao.com]",
        |c, v| issuer(v).map(|v| c.social.kakao.issuer = Some(v))
    ),
    key!(
        "naver_client_id",
        "ADMITONE_NAVER_CLIENT_ID",
        "ID",
        "Let people sign in by Naver, with this client id of the shop there; needs ADMITONE_PUBLIC_URL [no Naver]",
        |c, v| id(v).map(|v| c.social.naver.client_id = Some(v))
    ),
    key!(secret
        "naver_client_secret",
        "ADMITONE_NAVER_CLIENT_SECRET",
        "SECRET",
        "The client secret that goes with it [required with the id]",
        |c, v| word(v).map(|v| c.social.naver.client_secret = Some(v))
    ),
    key!(
        "naver_issuer",
        "ADMITONE_NAVER_ISSUER",
        "URL",
        "Where Naver is, for tests and proxies [Naver's own two]",
        |c, v| issuer(v).map(|v| c.social.naver.issuer = Some(v))
    ),
    key!(
        "apple_client_id",
        "ADMITONE_APPLE_CLIENT_ID",
        "ID",
        "Let people sign in by Apple, with this services id of the shop there; needs ADMITONE_PUBLIC_URL [no Apple]",
        |c, v| id(v).map(|v| c.social.apple.client_id = Some(v))
    ),
    key!(
        "apple_team_id",
        "ADMITONE_APPLE_TEAM_ID",
        "ID",
        "The id of the developer's account at Apple [required with the services id]",
        |c, v| id(v).map(|v| c.social.apple.team_id = Some(v))
    ),
    key!(
        "apple_key_id",
        "ADMITONE_APPLE_KEY_ID",
        "ID",
        "The id of the key [required with the services id]",
        |c, v| id(v).map(|v| c.social.apple.key_id = Some(v))
    ),
    key!(secret
        "apple_private_key",
        "ADMITONE_APPLE_PRIVATE_KEY",
        "PEM",
        "The text of the file AuthKey_….p8; its ends of lines may be written as \\n [required with the services id]",
        |c, v| apple_key(v).map(|v| c.social.apple.private_key = Some(v))
    ),
    key!(
        "apple_private_key_file",
        "ADMITONE_APPLE_PRIVATE_KEY_FILE",
        "FILE",
        "A file that has the key, in place of the text [unset]",
        |c, v| file(v).and_then(|v| apple_key(&v)).map(|v| c.social.apple.private_key = Some(v))
    ),
    key!(
        "apple_issuer",
        "ADMITONE_APPLE_ISSUER",
        "URL",
        "Where Apple is, for tests and proxies [https://appleid.apple.com]",
        |c, v| issuer(v).map(|v| c.social.apple.issuer = Some(v))
    ),
    key!(
        "oidc_issuer",
        "ADMITONE_OIDC_ISSUER",
        "URL",
        "Let people sign in by this issuer of OpenID Connect, whose metadata is below it; needs ADMITONE_PUBLIC_URL [no other provider]",
        |c, v| issuer(v).map(|v| c.social.oidc.issuer = Some(v))
    ),
    key!(
        "oidc_client_id",
        "ADMITONE_OIDC_CLIENT_ID",
        "ID",
        "The client id of the shop there [required with the issuer]",
        |c, v| id(v).map(|v| c.social.oidc.client_id = Some(v))
    ),
    key!(secret
        "oidc_client_secret",
        "ADMITONE_OIDC_CLIENT_SECRET",
        "SECRET",
        "The client secret that goes with it [required with the issuer]",
        |c, v| word(v).map(|v| c.social.oidc.client_secret = Some(v))
    ),
    key!(
        "oidc_client_secret_file",
        "ADMITONE_OIDC_CLIENT_SECRET_FILE",
        "FILE",
        "A file that has the client secret, in place of the text [unset]",
        |c, v| file(v).and_then(|v| word(&v)).map(|v| c.social.oidc.client_secret = Some(v))
    ),
    key!(
        "oidc_name",
        "ADMITONE_OIDC_NAME",
        "NAME",
        "The name of the issuer on buttons [OpenID]",
        |c, v| text(v, 40).map(|v| c.social.oidc_name = Some(v))
    ),
];
