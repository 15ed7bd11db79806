//! Settings about who gets in: signing up, and identity providers.

use anyhow::{Context, anyhow, bail};
use bursar_app::Config;
use bursar_app::config::{IdentityProvider, Meeting};
use bursar_types::Asset;
use serde::Deserialize;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use url::Url;

/// Most identity providers: each is a button on the log-in page.
const PROVIDERS_MAX: usize = 12;

/// Whether strangers may open accounts, and in which assets.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignUpTable {
    assets: Vec<String>,
}

/// How people log in.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogInTable {
    built_in: Option<bool>,
    #[serde(default)]
    providers: Vec<ProviderTable>,
}

/// An OpenID Connect provider.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProviderTable {
    id: String,
    name: String,
    issuer: String,
    client_id: String,
    client_secret: Option<String>,
    client_secret_file: Option<PathBuf>,
    scopes: Option<Vec<String>>,
    #[serde(default)]
    people: People,
    name_claim: Option<String>,
    asset: Option<String>,
}

/// Not its secret.
impl std::fmt::Debug for ProviderTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProviderTable").field("id", &self.id).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum People {
    #[default]
    Linked,
    Known,
    AutoCreate,
}

/// Adds these settings to a configuration.
pub fn apply(sign_up: Option<SignUpTable>, log_in: LogInTable, config: &mut Config) -> anyhow::Result<()> {
    config.has_built_in_log_in = log_in.built_in.unwrap_or(true);
    config.identity_providers = Vec::new();
    for table in log_in.providers {
        let id = table.id.clone();
        let provider = table.provider(config.development).with_context(|| format!("[[log_in.providers]] {id:?}"))?;
        if config.identity_providers.iter().any(|other| other.id == provider.id || other.issuer == provider.issuer) {
            bail!("[[log_in.providers]] {id:?}: there is one of this id or issuer already");
        }
        config.identity_providers.push(Arc::new(provider));
    }
    if config.identity_providers.len() > PROVIDERS_MAX {
        bail!("[[log_in.providers]]: there are more than {PROVIDERS_MAX}");
    }
    if !config.has_built_in_log_in && config.identity_providers.is_empty() {
        bail!("[log_in] built_in is off and there are no providers: nobody could log in");
    }
    let assets = sign_up.map(|table| table.assets);
    config.sign_up = match assets {
        None => Vec::new(),
        Some(assets) if assets.is_empty() => bail!("[sign_up] assets: name one, such as \"CAD/2\""),
        Some(_) if !config.has_built_in_log_in => bail!("[sign_up] needs [log_in] built_in: people choose a password"),
        Some(assets) => {
            let read: anyhow::Result<Vec<Asset>> = assets.iter().map(|text| asset(text)).collect();
            read.context("[sign_up] assets")?
        }
    };
    Ok(())
}

/// An asset as code and scale: `CAD/2`.
fn asset(text: &str) -> anyhow::Result<Asset> {
    let unusable = || anyhow!("{text:?} is no asset: write its code and scale, such as CAD/2");
    let (code, scale) = text.split_once('/').ok_or_else(unusable)?;
    Asset::new(code, scale.parse().map_err(|_| unusable())?).map_err(|error| anyhow!("{text:?}: {error}"))
}

impl ProviderTable {
    fn provider(self, development: bool) -> anyhow::Result<IdentityProvider> {
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if self.id.is_empty() || self.id.len() > 32 || !self.id.bytes().all(is_plain) {
            bail!("id has 1 to 32 lower-case letters, digits and hyphens");
        }
        if self.name.trim().is_empty() || self.name.chars().count() > 40 || self.client_id.is_empty() {
            bail!("it needs a name of at most 40 characters, and a client_id");
        }
        let url = Url::parse(&self.issuer).ok().filter(|url| {
            let scheme = url.scheme() == "https" || (development && url.scheme() == "http");
            scheme && url.query().is_none() && url.fragment().is_none() && url.username().is_empty()
        });
        url.context("issuer must begin with https:// and have neither query nor fragment")?;
        let scopes = self.scopes.unwrap_or_else(|| vec!["openid".to_owned(), "profile".to_owned()]);
        if !scopes.iter().any(|scope| scope == "openid") {
            bail!("scopes must name \"openid\"");
        }
        let client_secret = match (self.client_secret, self.client_secret_file) {
            (Some(_), Some(_)) => bail!("it has a client_secret and a client_secret_file: which of them counts?"),
            (Some(secret), None) => Some(secret),
            (None, Some(path)) => {
                let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
                Some(text.trim().to_owned())
            }
            (None, None) => None,
        };
        if client_secret.as_ref().is_some_and(String::is_empty) {
            bail!("its client secret is empty");
        }
        let people = match self.people {
            People::Linked => Meeting::Linked,
            People::Known => Meeting::Known,
            People::AutoCreate => Meeting::Newcomers,
        };
        let asset = self.asset.as_deref().map(asset).transpose()?;
        match (self.people, asset) {
            (People::AutoCreate, None) => bail!("people = \"auto_create\" needs the asset of the new accounts"),
            (People::Linked | People::Known, Some(_)) => bail!("asset is for people = \"auto_create\" only"),
            _ => {}
        }
        if self.people == People::Linked && self.name_claim.is_some() {
            bail!("name_claim is for people = \"known\" or \"auto_create\" only");
        }
        Ok(IdentityProvider {
            id: self.id,
            name: self.name.trim().to_owned(),
            issuer: self.issuer,
            client_id: self.client_id,
            client_secret,
            scopes,
            name_claim: self.name_claim.unwrap_or_else(|| "preferred_username".to_owned()),
            people,
            asset,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::configured;
    use bursar_app::config::Meeting;

    const CORP: &str =
        "[[log_in.providers]]\nid = \"corp\"\nname = \"Corp\"\nissuer = \"https://id.example\"\nclient_id = \"bank\"\n";

    #[test]
    fn nothing_is_needed() {
        let config = configured("", false).unwrap();
        assert!(config.has_built_in_log_in && config.identity_providers.is_empty() && config.sign_up.is_empty());
    }

    #[test]
    fn providers_and_their_defaults() {
        let config = configured(CORP, false).unwrap();
        let corp = &config.identity_providers[0];
        assert_eq!((corp.id.as_str(), corp.name.as_str(), corp.people), ("corp", "Corp", Meeting::Linked));
        assert_eq!(
            (corp.scopes.join(" ").as_str(), corp.name_claim.as_str()),
            ("openid profile", "preferred_username")
        );
        assert!(corp.client_secret.is_none() && corp.asset.is_none());
        let more =
            format!("{CORP}client_secret = \"s\"\npeople = \"auto_create\"\nasset = \"JPY/0\"\nname_claim = \"nick\"");
        let config = configured(&more, false).unwrap();
        let corp = &config.identity_providers[0];
        assert_eq!((corp.people, corp.asset.map(|asset| asset.scale())), (Meeting::Newcomers, Some(0)));
        // Secrets are not printed.
        assert!(!format!("{config:?}").contains("\"s\""), "{config:?}");
        let config = configured(&format!("[log_in]\nbuilt_in = false\n{CORP}"), false).unwrap();
        assert!(!config.has_built_in_log_in);
    }

    #[test]
    fn assets_of_strangers() {
        let config = configured("[sign_up]\nassets = [\"CAD/2\", \"JPY/0\"]", false).unwrap();
        let assets: Vec<(String, u8)> =
            config.sign_up.iter().map(|asset| (asset.code().to_owned(), asset.scale())).collect();
        assert_eq!(assets, [("CAD".to_owned(), 2), ("JPY".to_owned(), 0)]);
    }

    #[test]
    fn what_cannot_be_meant() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            let said = configured(text, false).unwrap_err();
            assert!(said.contains(expected), "{text}: {said}");
        }
        let corp = |line: &str| format!("{CORP}{line}");
        check("[sign_up]\nassets = []", "name one");
        check("[sign_up]\nassets = [\"CAD\"]", "[sign_up] assets");
        check("[sign_up]", "missing field");
        check("[log_in]\nbuilt_in = false", "nobody could log in");
        check(&format!("[sign_up]\nassets = [\"CAD/2\"]\n[log_in]\nbuilt_in = false\n{CORP}"), "choose a password");
        check(&corp("people = \"everybody\""), "unknown variant");
        check(&corp("secret = \"s\""), "unknown field");
        check(&corp("scopes = [\"profile\"]"), "openid");
        check(&corp("people = \"auto_create\""), "needs the asset");
        check(&corp("asset = \"CAD/2\""), "auto_create");
        check(&corp("name_claim = \"nick\""), "name_claim");
        check(&corp("client_secret = \"\""), "empty");
        check(&corp("client_secret = \"a\"\nclient_secret_file = \"b\""), "which of them");
        check(&corp("client_secret_file = \"/nowhere/at/all\""), "cannot read");
        check(&format!("{CORP}{CORP}"), "already");
        check(&CORP.replace("https", "http"), "https://");
        check(&CORP.replace("id.example", "id.example/?a=b"), "https://");
        check(&CORP.replace("\"corp\"", "\"Corp!\""), "lower-case");
    }
}
