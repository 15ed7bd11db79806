//! Settings: from the command line, and from a file.

mod log_in;

use anyhow::{Context, anyhow, bail};
use bursar_app::Config;
use bursar_app::config::ConsentPage;
use bursar_app::rate_limits::{Rate, RateLimits};
use bursar_app::rates::{RateEndpoint, RateSource};
use bursar_core::fee::Fees;
use bursar_core::rate::Rates;
use bursar_core::{Secret, SharedSecret};
use bursar_store::Location;
use clap::Args;
use ipnet::IpNet;
use jiff::SignedDuration;
use log_in::{LogInTable, SignUpTable};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use url::Url;

/// Where a provider's data is.
#[derive(Args, Debug, Clone)]
pub struct Data {
    /// Folder for the embedded database and the provider's secret; made if missing.
    #[arg(long, value_name = "DIR", default_value = "bursar-data", env = "BURSAR_DATA")]
    pub data: PathBuf,
    /// A PostgreSQL database instead of the embedded one: postgres://user@host/name
    #[arg(long, value_name = "URL", env = "BURSAR_DATABASE", hide_env_values = true)]
    pub database: Option<String>,
}

impl Data {
    /// The database.
    pub fn location(&self) -> Location {
        match &self.database {
            Some(url) => Location::parse(url),
            None => Location::in_folder(&self.data),
        }
    }

    /// Makes the folder, readable by its owner only.
    pub fn make_folder(&self) -> anyhow::Result<()> {
        make_private_folder(&self.data).with_context(|| format!("cannot make the folder {}", self.data.display()))
    }

    /// The provider's secret, made now if there is none.
    pub fn secret(&self, random: [u8; 32]) -> anyhow::Result<Secret> {
        let path = self.data.join("secret.key");
        match fs::read_to_string(&path) {
            Ok(text) => parse_secret(text.trim()).with_context(|| format!("{} is damaged", path.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                write_private(&path, &format!("{}\n", to_hex(&random)))
                    .with_context(|| format!("cannot write {}", path.display()))?;
                Ok(Secret::new(random))
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse_secret(text: &str) -> anyhow::Result<Secret> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        bail!("it must hold 64 hexadecimal digits");
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16)?;
    }
    Ok(Secret::new(bytes))
}

fn make_private_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Writes a new file that only its owner can read.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// The settings file, `--config`. Everything in it is optional.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// What people read on the provider's pages.
    name: Option<String>,
    /// Exchange rates.
    rates: Option<RatesTable>,
    /// Addresses and networks of proxies that are believed when they say for whom they ask.
    #[serde(default)]
    trusted_proxies: Vec<String>,
    /// How many requests a caller may make.
    #[serde(default)]
    rate_limits: RateLimitsTable,
    /// Fees, by the code of the payer's asset.
    #[serde(default)]
    fees: BTreeMap<String, FeeRule>,
    /// Whether strangers may open accounts.
    sign_up: Option<SignUpTable>,
    /// How people log in.
    #[serde(default)]
    log_in: LogInTable,
    /// A consent page of the provider's own.
    consent_page: Option<ConsentPageTable>,
}

/// A consent page of the provider's own, and the secret of its program.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConsentPageTable {
    url: String,
    secret: String,
}

impl std::fmt::Debug for ConsentPageTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsentPageTable").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Shortest secret of a consent page, in characters.
const CONSENT_SECRET_MIN: usize = 32;

impl ConsentPageTable {
    fn page(&self, development: bool) -> anyhow::Result<ConsentPage> {
        let url = Url::parse(&self.url).ok().filter(|url| match url.scheme() {
            "https" => true,
            "http" => development,
            _ => false,
        });
        let url = url.context("[consent_page] url must begin with https:// (in the sandbox also with http://)")?;
        if url.fragment().is_some() {
            bail!("[consent_page] url must not have a fragment");
        }
        if self.secret.chars().count() < CONSENT_SECRET_MIN || self.secret.trim() != self.secret {
            bail!("[consent_page] secret must have at least {CONSENT_SECRET_MIN} characters, and no space around them");
        }
        Ok(ConsentPage { url, secret: SharedSecret::new(&self.secret) })
    }
}

/// Limits of the public APIs. What is not set has its default; zero a minute is no limit.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RateLimitsTable {
    per_address_per_minute: Option<u32>,
    per_address_burst: Option<u32>,
    per_key_per_minute: Option<u32>,
    per_key_burst: Option<u32>,
}

impl RateLimitsTable {
    fn apply(&self, limits: &mut RateLimits) -> anyhow::Result<()> {
        let set = |limit: &mut Option<Rate>, name: &str, per_minute: Option<u32>, burst: Option<u32>| {
            if burst == Some(0) {
                bail!("rate_limits: {name}_burst must be at least 1");
            }
            *limit = match (per_minute, *limit) {
                (Some(per_minute), _) => Rate::new(per_minute, burst.unwrap_or(per_minute.div_ceil(4))),
                (None, Some(usual)) => Rate::new(usual.per_minute.get(), burst.unwrap_or(usual.burst.get())),
                (None, None) if burst.is_some() => bail!("rate_limits: {name}_burst needs {name}_per_minute"),
                (None, None) => None,
            };
            Ok(())
        };
        set(&mut limits.per_address, "per_address", self.per_address_per_minute, self.per_address_burst)?;
        set(&mut limits.per_key, "per_key", self.per_key_per_minute, self.per_key_burst)
    }
}

/// An address, or a network such as 10.0.0.0/8.
fn parse_proxy(text: &str) -> anyhow::Result<IpNet> {
    let network = text.parse::<IpNet>().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    let network = network
        .map_err(|_| anyhow!("trusted_proxies: {text:?} is neither an address nor a network such as 10.0.0.0/8"))?;
    if network.prefix_len() == 0 {
        bail!("trusted_proxies: {text} is everybody: anybody could claim any address");
    }
    Ok(network)
}

/// Exchange rates: one unit of `base` is worth so much of each asset, as this table says or as an endpoint tells.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RatesTable {
    base: String,
    #[serde(default)]
    per_base: BTreeMap<String, String>,
    url: Option<String>,
    refresh_seconds: Option<u32>,
    stale_seconds: Option<u32>,
}

/// What this provider takes for payments out of accounts of an asset.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FeeRule {
    #[serde(default)]
    basis_points: u32,
    #[serde(default = "zero")]
    fixed: String,
}

fn zero() -> String {
    "0".to_owned()
}

impl RatesTable {
    fn source(self) -> anyhow::Result<RateSource> {
        let seconds = |given: Option<u32>, default| given.map_or(default, |s| SignedDuration::from_secs(s.into()));
        let Some(url) = self.url else {
            if self.refresh_seconds.is_some() || self.stale_seconds.is_some() {
                bail!("[rates] refresh_seconds and stale_seconds are about an endpoint: give its url, too");
            }
            let rates = self.per_base.iter().map(|(asset, rate)| (asset.as_str(), rate.as_str()));
            return Ok(RateSource::Table(Arc::new(Rates::parse(&self.base, rates)?)));
        };
        if !self.per_base.is_empty() {
            bail!("[rates] has a table per_base and a url: which of them counts?");
        }
        let url = Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.context("[rates] url must begin with https:// or http://")?;
        let defaults = RateEndpoint::new(url, &self.base);
        let endpoint = RateEndpoint {
            refresh: seconds(self.refresh_seconds, defaults.refresh),
            stale: seconds(self.stale_seconds, defaults.stale),
            ..defaults
        };
        if endpoint.refresh.is_zero() || endpoint.stale < endpoint.refresh {
            bail!("[rates] refresh_seconds must be at least 1, and stale_seconds not below it");
        }
        Ok(RateSource::Endpoint(endpoint))
    }
}

/// Rates for play money, so that a sandbox can pay across currencies without any settings.
const PLAY_RATES: &[(&str, &str)] = &[
    ("CAD", "1.3650"),
    ("EUR", "0.9200"),
    ("GBP", "0.7900"),
    ("JPY", "149.50"),
    ("MXN", "18.250"),
    ("ZAR", "18.400"),
    ("PKR", "278.50"),
    ("SGD", "1.3400"),
];

impl File {
    /// Reads the settings file.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} is not a valid settings file", path.display()))
    }

    /// Adds its settings to a configuration.
    pub fn apply(self, config: &mut Config) -> anyhow::Result<()> {
        if let Some(name) = self.name {
            config.provider_name = name;
        }
        config.trusted_proxies = self.trusted_proxies.iter().map(|text| parse_proxy(text)).collect::<Result<_, _>>()?;
        self.rate_limits.apply(&mut config.rate_limits)?;
        config.rates = match self.rates {
            Some(table) => table.source()?,
            None if config.sandbox => RateSource::Table(Arc::new(Rates::parse("USD", PLAY_RATES.iter().copied())?)),
            None => RateSource::default(),
        };
        let mut fees = Fees::default();
        for (asset, rule) in &self.fees {
            fees.set(asset, rule.basis_points, &rule.fixed)?;
        }
        config.fees = Arc::new(fees);
        config.consent_page = self.consent_page.map(|table| table.page(config.development)).transpose()?;
        log_in::apply(self.sign_up, self.log_in, config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A configuration with this settings file, or why it cannot be used.
    pub(super) fn configured(text: &str, sandbox: bool) -> Result<Config, String> {
        let file: File = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let mut config = Config::new("https://wallet.test", sandbox, false).unwrap();
        file.apply(&mut config).map_err(|error| format!("{error:#}"))?;
        Ok(config)
    }

    #[test]
    fn limits_of_requests() {
        #[track_caller]
        fn check(text: &str, sandbox: bool, address: Option<(u32, u32)>, key: Option<(u32, u32)>) {
            let limits = configured(&format!("[rate_limits]\n{text}"), sandbox).unwrap().rate_limits;
            let rate = |rate: Option<(u32, u32)>| rate.and_then(|(minute, burst)| Rate::new(minute, burst));
            assert_eq!(limits, RateLimits { per_address: rate(address), per_key: rate(key) }, "{text}");
        }
        check("", false, Some((1200, 300)), Some((600, 150)));
        check("", true, None, None);
        check("per_key_per_minute = 60", false, Some((1200, 300)), Some((60, 15)));
        check("per_key_per_minute = 60", true, None, Some((60, 15)));
        check("per_address_per_minute = 1", true, Some((1, 1)), None);
        check("per_address_per_minute = 60\nper_address_burst = 7", true, Some((60, 7)), None);
        check("per_key_burst = 7", false, Some((1200, 300)), Some((600, 7)));
        check("per_address_per_minute = 0", false, None, Some((600, 150)));
        check("per_address_per_minute = 0\nper_key_per_minute = 0", false, None, None);
    }

    #[test]
    fn proxies_that_are_trusted() {
        let text = r#"trusted_proxies = ["127.0.0.1", "::1", "10.0.0.0/8", "fd00::/8"]"#;
        let proxies = configured(text, false).unwrap().trusted_proxies;
        let names: Vec<String> = proxies.iter().map(IpNet::to_string).collect();
        assert_eq!(names, ["127.0.0.1/32", "::1/128", "10.0.0.0/8", "fd00::/8"]);
        assert_eq!(configured("", false).unwrap().trusted_proxies, []);
    }

    #[test]
    fn a_consent_page_of_ones_own() {
        let text = "[consent_page]\nurl = \"https://id.bank.example/consent?lang=en\"\nsecret = \"0123456789abcdef0123456789abcdef\"";
        let page = configured(text, false).unwrap().consent_page.unwrap();
        assert_eq!(page.url.as_str(), "https://id.bank.example/consent?lang=en");
        assert!(page.secret.matches("0123456789abcdef0123456789abcdef"));
        let plain = text.replace("https", "http");
        assert!(configured(&plain, true).is_ok());
        assert!(configured(&plain, false).unwrap_err().contains("https://"));
        assert!(configured("", false).unwrap().consent_page.is_none());
        let file: File = toml::from_str(text).unwrap();
        assert!(!format!("{file:?}").contains("0123456789"), "secrets are not printed");
    }

    #[test]
    fn settings_that_cannot_be_meant() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            let said = configured(text, true).unwrap_err();
            assert!(said.contains(expected), "{text}: {said}");
        }
        check("trusted_proxies = [\"proxy.example\"]", "neither an address nor a network");
        check("trusted_proxies = [\"10.0.0.0/33\"]", "neither an address nor a network");
        check("trusted_proxies = [\"0.0.0.0/0\"]", "everybody");
        check("trusted_proxies = [\"::/0\"]", "everybody");
        check("[rate_limits]\nper_key_burst = 7", "needs per_key_per_minute");
        check("[rate_limits]\nper_key_per_minute = 6\nper_key_burst = 0", "must be at least 1");
        check("[rate_limits]\nper_key_per_minute = -1", "invalid value");
        check("[rate_limits]\nper_key = 1", "unknown field");
        check("trusted_proxy = []", "unknown field");
        check("[consent_page]\nurl = \"https://a.example\"\nsecret = \"short\"", "at least 32 characters");
        check("[consent_page]\nurl = \"ftp://a.example\"\nsecret = \"short\"", "must begin with https://");
        check("[consent_page]\nurl = \"https://a.example\"", "missing field");
    }
}
