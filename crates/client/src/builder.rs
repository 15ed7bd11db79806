//! Building a client.

use crate::client::{AuthenticatedClient, Client};
use crate::clock::{Clock, Duration, Random, RandomError};
use crate::error::BuildError;
use crate::transport::{Identity, Transport};
use crate::url_rules::UrlRules;
use bursar_httpsig::PrivateKey;
use bursar_types::{ClientJwk, ClientRef, ClientWalletAddress, JsonWebKey, WalletAddressUrl};
use http::HeaderValue;
use std::sync::Arc;

/// How long a request may take, unless the builder is told otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Settings of a client in the making. Setting them has no side effects; [`Builder::build`] sends nothing either.
///
/// It begins as a `Builder<Anonymous>`, from which a [`Client`] is built. Naming an identity, with
/// [`wallet_address`](Builder::wallet_address) or [`key_only`](Builder::key_only), turns it into a
/// `Builder<Identified>`, from which an [`AuthenticatedClient`] is built.
///
/// ```
/// use bursar_client::{Client, Duration, PrivateKey};
///
/// let key = PrivateKey::from_seed([7; 32]); // in truth: PrivateKey::parse(&text_of_a_pem_or_jwk)
/// let client = Client::builder()
///     .timeout(Duration::from_secs(5))
///     .wallet_address("https://wallet.example/my-app")
///     .key_id("my-key")
///     .private_key(key)
///     .build()?;
/// assert_eq!(client.own_wallet_address(), Some("https://wallet.example/my-app"));
/// # Ok::<(), bursar_client::BuildError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing happens before build()"]
pub struct Builder<Who> {
    who: Who,
    timeout: Duration,
    http: Option<reqwest::Client>,
    allow_http: bool,
    user_agent: String,
    clock: Clock,
    random: Random,
}

/// A client without keys: it sees what is public.
#[derive(Debug, Clone)]
pub struct Anonymous;

/// A client that signs its requests.
#[derive(Debug, Clone, Default)]
pub struct Identified {
    /// `None` for a client that is known by its key alone.
    wallet_address: Option<String>,
    key_id: Option<String>,
    private_key: Option<PrivateKey>,
    form: ClientForm,
}

/// How a client with a wallet address writes it into its grant requests (Open Payments authorization server, schema
/// `client`). To a server both mean the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ClientForm {
    /// `"client": "https://wallet.example/my-app"`. The specification calls it deprecated, but servers older than its
    /// version 1.3 take no other, and all others take it, too: so this is what is sent.
    #[default]
    Text,
    /// `"client": {"walletAddress": "https://wallet.example/my-app"}`, for servers that no longer take the text.
    Object,
}

impl Default for Builder<Anonymous> {
    fn default() -> Self {
        Self {
            who: Anonymous,
            timeout: TIMEOUT,
            http: None,
            allow_http: false,
            user_agent: concat!("bursar-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            clock: Clock::system(),
            random: Random::system(),
        }
    }
}

impl<Who> Builder<Who> {
    /// How long one request may take, its answer included. 10 seconds by default. A request that is sent a second time
    /// may take as long again.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Uses this HTTP client, for example for a proxy, for certificates of one's own, or to keep requests from reaching
    /// one's own network: a server program whose users name the wallet addresses needs that. It should not follow
    /// redirects.
    ///
    /// By default one is made with the system's certificates.
    pub fn http_client(self, http: reqwest::Client) -> Self {
        Self { http: Some(http), ..self }
    }

    /// Whether requests may be sent unencrypted to every host. By default only to `localhost`, loopback addresses and
    /// names ending in `.test`.
    pub fn allow_http(self, allow_http: bool) -> Self {
        Self { allow_http, ..self }
    }

    /// What the client calls itself in the `User-Agent` header.
    pub fn user_agent(self, user_agent: impl Into<String>) -> Self {
        Self { user_agent: user_agent.into(), ..self }
    }

    /// Takes the time from this clock instead of the machine's. (The time-out of requests stays with the machine.)
    pub fn clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Draws random numbers from here instead of from the operating system.
    pub fn random(self, random: Random) -> Self {
        Self { random, ..self }
    }

    fn into_who<To>(self, who: To) -> Builder<To> {
        let Self { who: _, timeout, http, allow_http, user_agent, clock, random } = self;
        Builder { who, timeout, http, allow_http, user_agent, clock, random }
    }

    fn urls(&self) -> UrlRules {
        UrlRules { allow_http: self.allow_http }
    }

    fn transport(self, identity: Option<Identity>) -> Result<Client, BuildError> {
        let urls = self.urls();
        if self.timeout.is_zero() {
            return Err(BuildError::Timeout);
        }
        let user_agent = HeaderValue::from_str(&self.user_agent).ok();
        let user_agent = user_agent.filter(|value| value.to_str().is_ok()).ok_or(BuildError::UserAgent)?;
        let http = match self.http {
            Some(http) => http,
            None => default_http()?,
        };
        let Self { timeout, clock, random, .. } = self;
        Ok(Client::new(Arc::new(Transport {
            http,
            timeout,
            urls,
            user_agent,
            clock,
            random,
            identity,
            observer: None,
        })))
    }
}

impl Builder<Anonymous> {
    /// The wallet address under which the client's public key is published (`{address}/jwks.json`): an URL or a payment
    /// pointer. It is how servers know who asks, and the name that account holders see.
    pub fn wallet_address(self, address: impl Into<String>) -> Builder<Identified> {
        self.into_who(Identified { wallet_address: Some(address.into()), ..Identified::default() })
    }

    /// A client without a wallet address: it sends its public key along (directed identity). It gets only grants for
    /// which nobody has to be asked.
    ///
    /// ```no_run
    /// # async fn example(bob: bursar_client::types::WalletAddress) -> Result<(), Box<dyn std::error::Error>> {
    /// use bursar_client::types::Action;
    /// use bursar_client::{Client, GrantRequest, IncomingAccess, generate_key};
    ///
    /// // A new key for each receiver: nobody can tell that it is the same app.
    /// let client = Client::builder().key_only().key_id("one-time").private_key(generate_key()?).build()?;
    /// let request = GrantRequest::new().access(IncomingAccess::new([Action::Create]).wallet_address(&bob.id));
    /// let grant = client.grants().request(&bob.auth_server, request).await?.issued()?;
    /// # Ok(()) }
    /// ```
    pub fn key_only(self) -> Builder<Identified> {
        self.into_who(Identified::default())
    }

    /// A client that sees what is public.
    ///
    /// # Errors
    /// When HTTPS cannot be set up, or a setting is not possible.
    pub fn build(self) -> Result<Client, BuildError> {
        self.transport(None)
    }
}

impl Builder<Identified> {
    /// The `kid` under which the public key is published.
    pub fn key_id(mut self, key_id: impl Into<String>) -> Self {
        self.who.key_id = Some(key_id.into());
        self
    }

    /// The key that signs. [`PrivateKey::parse`] reads a PEM, a JWK or base64 of either, [`PrivateKey::from_seed`] the
    /// 32 bytes themselves; [`generate_key`] makes a new one.
    pub fn private_key(mut self, key: PrivateKey) -> Self {
        self.who.private_key = Some(key);
        self
    }

    /// In which form grant requests name the client's wallet address. Without effect on a client that is only a key.
    ///
    /// ```
    /// use bursar_client::{Client, ClientForm};
    ///
    /// let builder = Client::builder().wallet_address("https://wallet.example/my-app").client_form(ClientForm::Object);
    /// # let _ = builder;
    /// ```
    pub fn client_form(mut self, form: ClientForm) -> Self {
        self.who.form = form;
        self
    }

    /// A client that signs its requests.
    ///
    /// # Errors
    /// When the wallet address, the key id or the private key is missing or not usable, HTTPS cannot be set up, or a
    /// setting is not possible.
    pub fn build(self) -> Result<AuthenticatedClient, BuildError> {
        let who = self.who.clone();
        let key = who.private_key.ok_or(BuildError::NoPrivateKey)?;
        let key_id = who.key_id.ok_or(BuildError::NoKeyId)?;
        let jwk = key.public_jwk(key_id.as_str()).map_err(|_| BuildError::KeyId)?;
        let client = match who.wallet_address {
            Some(address) => {
                let address = WalletAddressUrl::parse(&address)?;
                self.urls().check(address.as_str())?;
                let wallet_address = address.as_str().to_owned();
                match who.form {
                    ClientForm::Text => ClientRef::Address(wallet_address),
                    ClientForm::Object => ClientRef::WalletAddress(ClientWalletAddress { wallet_address }),
                }
            }
            None => ClientRef::Jwk(ClientJwk {
                jwk: JsonWebKey {
                    kid: key_id.clone(),
                    alg: Some("EdDSA".to_owned()),
                    key_use: Some("sig".to_owned()),
                    kty: Some("OKP".to_owned()),
                    crv: Some("Ed25519".to_owned()),
                    x: jwk.public_key().to_base64url(),
                    d: None,
                },
            }),
        };
        Ok(AuthenticatedClient::new(self.transport(Some(Identity { client, key_id, key }))?))
    }
}

/// Makes a new Ed25519 key from the operating system's random numbers.
///
/// Nothing else in this crate makes keys. Keep the private key with [`PrivateKey::to_pem`], and publish the public one,
/// which [`PrivateKey::public_jwk`] gives, at the client's wallet address.
///
/// ```
/// let key = bursar_client::generate_key()?;
/// let public = key.public_jwk("my-key").expect("the name is legal");
/// assert_eq!(public.kid(), "my-key");
/// # Ok::<(), bursar_client::RandomError>(())
/// ```
///
/// # Errors
/// When the operating system has no random numbers.
pub fn generate_key() -> Result<PrivateKey, RandomError> {
    Ok(PrivateKey::from_seed(Random::system().array()?))
}

/// No redirects: a signature covers one URL, and a token is meant for one server.
fn default_http() -> Result<reqwest::Client, BuildError> {
    // The program may have chosen a provider already, and then keeps it.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // Fails only if another thread was faster, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).referer(false).build().map_err(|error| {
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        BuildError::Http(cause.to_string())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> PrivateKey {
        PrivateKey::from_seed([7; 32])
    }

    /// Loading the system's certificates takes time and proves nothing here.
    fn builder() -> Builder<Anonymous> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Client::builder().http_client(reqwest::Client::builder().tls_certs_only([]).build().unwrap())
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        fn check(builder: Builder<Identified>, expected: &str) {
            let error = builder.build().unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let alice = || builder().wallet_address("https://wallet.example/alice");
        check(alice(), "no private key");
        check(alice().private_key(key()), "no key id");
        check(alice().private_key(key()).key_id(""), "1 to 256 printable");
        check(alice().private_key(key()).key_id("clé"), "1 to 256 printable");
        check(alice().private_key(key()).key_id("k").user_agent("a\nb"), "user agent");
        check(alice().private_key(key()).key_id("k").timeout(Duration::ZERO), "time-out");
        check(builder().wallet_address("alice").private_key(key()).key_id("k"), "own wallet address");
        check(builder().wallet_address("http://wallet.example/a").private_key(key()).key_id("k"), "not encrypted");
    }

    #[test]
    fn a_client_names_itself() {
        fn check(address: &str, expected: &str) {
            let client = builder().wallet_address(address).private_key(key()).key_id("k").build().unwrap();
            assert_eq!(client.own_wallet_address(), Some(expected));
        }
        check("https://wallet.example/alice", "https://wallet.example/alice");
        check("$wallet.example/Alice/", "https://wallet.example/alice");
        check("http://localhost:3000/alice", "http://localhost:3000/alice");
        let anonymous = builder().key_only().private_key(key()).key_id("k").build().unwrap();
        assert_eq!(anonymous.own_wallet_address(), None);
    }

    #[test]
    fn printing_a_client_shows_no_key() {
        let client = builder().wallet_address("https://wallet.example/alice").private_key(key()).key_id("k");
        let seed = "0707070707";
        assert!(!format!("{client:?}").contains(seed));
        assert_eq!(
            format!("{:?}", client.build().unwrap()),
            r#"AuthenticatedClient { wallet_address: Some("https://wallet.example/alice"), key_id: "k" }"#
        );
    }

    #[test]
    fn a_client_of_its_own_is_made_with_the_systems_certificates() {
        // Where there are none, the message says what to do.
        match Client::builder().build() {
            Ok(client) => assert_eq!(format!("{client:?}"), "Client"),
            Err(error) => assert!(error.to_string().contains("ca-certificates"), "{error}"),
        }
    }

    #[test]
    fn two_generated_keys_differ() {
        assert_ne!(generate_key().unwrap().public_key(), generate_key().unwrap().public_key());
    }
}
