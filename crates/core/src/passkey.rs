//! Passkeys: what a relying party checks of a registration and of a log-in (Web Authentication Level 3, §7).
//!
//! Attestation is neither asked for nor looked at: a person registers their own key, so who made the device that holds
//! it does not matter. The browser hands over authenticator data and public key apart (§5.2.1.1), which for such a
//! relying party is as good as the attestation object.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

/// The algorithms that new passkeys may have, best first: identifiers of COSE (RFC 9053, RFC 8812).
pub const ALGORITHMS: [i64; 3] = [-8, -7, -257];

/// Longest credential id (§5.8.3).
const CREDENTIAL_ID_LENGTH_MAX: usize = 1023;
/// Largest client data, authenticator data, key and signature that are looked at.
const PART_LENGTH_MAX: usize = 4096;

const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const ED25519_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// The server as browsers know it.
#[derive(Debug, Clone, Copy)]
pub struct RelyingParty<'a> {
    /// The host name that passkeys belong to.
    pub id: &'a str,
    /// The origin whose pages may use them.
    pub origin: &'a str,
}

/// Why something is no passkey, or no proof by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The browser's message cannot be read.
    #[error("the passkey's answer cannot be read")]
    Unreadable,
    /// It answers something else than was asked.
    #[error("the passkey answered something else than was asked")]
    OtherCeremony,
    /// It was made on another site's page, or for another site.
    #[error("the passkey's answer was made for another site")]
    OtherSite,
    /// Nobody touched it.
    #[error("nobody confirmed it on the device")]
    NobodyPresent,
    /// The device did not check who touched it.
    #[error("the device did not check that it is you (by fingerprint, face or PIN)")]
    NotVerified,
    /// Its key is of a kind that is not used here.
    #[error("the passkey's key is of a kind that is not used here")]
    OtherKey,
    /// The signature is not by this key.
    #[error("the passkey's signature is wrong")]
    Signature,
    /// The passkey counts its signatures, and has counted fewer than before.
    #[error("the passkey seems to have been copied")]
    Copied,
}

/// What a browser sends for a new passkey, each part as its bytes.
#[derive(Debug, Clone)]
pub struct Registration {
    /// `clientDataJSON`.
    pub client_data: Vec<u8>,
    /// `getAuthenticatorData()`.
    pub authenticator_data: Vec<u8>,
    /// `getPublicKey()`: a SubjectPublicKeyInfo in DER (RFC 5280 §4.1.2.7).
    pub public_key: Vec<u8>,
}

/// What a browser sends to prove that a passkey is there, each part as its bytes.
#[derive(Debug, Clone)]
pub struct Assertion {
    /// `rawId`: which passkey.
    pub credential_id: Vec<u8>,
    /// `clientDataJSON`.
    pub client_data: Vec<u8>,
    /// `authenticatorData`.
    pub authenticator_data: Vec<u8>,
    /// `signature`.
    pub signature: Vec<u8>,
    /// `userHandle`, which devices may leave out when they were told whose passkeys to use.
    pub user_handle: Option<Vec<u8>>,
}

/// A new passkey, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPasskey {
    /// Its id, by which the browser finds it.
    pub credential_id: Vec<u8>,
    /// Its public key, a SubjectPublicKeyInfo.
    pub public_key: Vec<u8>,
    /// How many signatures it says to have made; 0 if it does not count.
    pub sign_count: u32,
}

/// Which ceremony a message belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ceremony {
    Create,
    Get,
}

#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    is_cross_origin: bool,
}

/// The challenge that was answered, for finding out whether it was ours. What it proves is checked by the others here.
pub fn challenge(client_data: &[u8]) -> Option<Vec<u8>> {
    let data = read_client_data(client_data).ok()?;
    URL_SAFE_NO_PAD.decode(data.challenge).ok()
}

/// Checks a registration (§7.1), whose challenge the caller has found to be ours.
///
/// # Errors
/// As [`Invalid`] says.
pub fn register(rp: RelyingParty<'_>, answer: &Registration) -> Result<NewPasskey, Invalid> {
    check_client_data(rp, &answer.client_data, Ceremony::Create)?;
    let data = AuthenticatorData::read(rp, &answer.authenticator_data)?;
    let (_, key) = kind_of(&answer.public_key).ok_or(Invalid::OtherKey)?;
    if key.is_empty() {
        return Err(Invalid::OtherKey);
    }
    let credential_id = data.credential_id.ok_or(Invalid::Unreadable)?;
    Ok(NewPasskey {
        credential_id: credential_id.to_vec(),
        public_key: answer.public_key.clone(),
        sign_count: data.sign_count,
    })
}

/// Checks a proof by a passkey with this public key (§7.2), whose challenge the caller has found to be ours, and which
/// had made so many signatures when it was last seen; how many it has made by now.
///
/// # Errors
/// As [`Invalid`] says.
pub fn prove(rp: RelyingParty<'_>, answer: &Assertion, public_key: &[u8], sign_count: u32) -> Result<u32, Invalid> {
    check_client_data(rp, &answer.client_data, Ceremony::Get)?;
    let data = AuthenticatorData::read(rp, &answer.authenticator_data)?;
    let (algorithm, key) = kind_of(public_key).ok_or(Invalid::OtherKey)?;
    let signed = [answer.authenticator_data.as_slice(), &Sha256::digest(&answer.client_data)].concat();
    if answer.signature.len() > PART_LENGTH_MAX {
        return Err(Invalid::Signature);
    }
    UnparsedPublicKey::new(algorithm, key).verify(&signed, &answer.signature).map_err(|_| Invalid::Signature)?;
    // Passkeys that do not count always say 0 (§6.1.1).
    if (data.sign_count > 0 || sign_count > 0) && data.sign_count <= sign_count {
        return Err(Invalid::Copied);
    }
    Ok(data.sign_count)
}

fn read_client_data(bytes: &[u8]) -> Result<ClientData, Invalid> {
    if bytes.len() > PART_LENGTH_MAX {
        return Err(Invalid::Unreadable);
    }
    serde_json::from_slice(bytes).map_err(|_| Invalid::Unreadable)
}

fn check_client_data(rp: RelyingParty<'_>, bytes: &[u8], ceremony: Ceremony) -> Result<(), Invalid> {
    let data = read_client_data(bytes)?;
    let expected = match ceremony {
        Ceremony::Create => "webauthn.create",
        Ceremony::Get => "webauthn.get",
    };
    if data.kind != expected {
        return Err(Invalid::OtherCeremony);
    }
    if data.origin != rp.origin || data.is_cross_origin {
        return Err(Invalid::OtherSite);
    }
    Ok(())
}

/// Authenticator data (§6.1), as far as it is used.
struct AuthenticatorData<'a> {
    sign_count: u32,
    credential_id: Option<&'a [u8]>,
}

impl<'a> AuthenticatorData<'a> {
    const USER_PRESENT: u8 = 1;
    const USER_VERIFIED: u8 = 1 << 2;
    const BACKUP_ELIGIBLE: u8 = 1 << 3;
    const BACKED_UP: u8 = 1 << 4;
    const HAS_CREDENTIAL: u8 = 1 << 6;

    fn read(rp: RelyingParty<'_>, bytes: &'a [u8]) -> Result<Self, Invalid> {
        if bytes.len() > PART_LENGTH_MAX {
            return Err(Invalid::Unreadable);
        }
        let (site, rest) = bytes.split_first_chunk::<32>().ok_or(Invalid::Unreadable)?;
        let (flags, rest) = rest.split_first().ok_or(Invalid::Unreadable)?;
        let (count, rest) = rest.split_first_chunk::<4>().ok_or(Invalid::Unreadable)?;
        let has = |flag: u8| flags & flag != 0;
        if site.as_slice() != Sha256::digest(rp.id.as_bytes()).as_slice() {
            return Err(Invalid::OtherSite);
        }
        if !has(Self::USER_PRESENT) {
            return Err(Invalid::NobodyPresent);
        }
        if !has(Self::USER_VERIFIED) {
            return Err(Invalid::NotVerified);
        }
        if has(Self::BACKED_UP) && !has(Self::BACKUP_ELIGIBLE) {
            return Err(Invalid::Unreadable);
        }
        let credential_id = if has(Self::HAS_CREDENTIAL) { Some(credential_id(rest)?) } else { None };
        Ok(Self { sign_count: u32::from_be_bytes(*count), credential_id })
    }
}

/// The credential id at the beginning of attested credential data (§6.5.1), after the model of the device.
fn credential_id(bytes: &[u8]) -> Result<&[u8], Invalid> {
    let (_model, rest) = bytes.split_first_chunk::<16>().ok_or(Invalid::Unreadable)?;
    let (length, rest) = rest.split_first_chunk::<2>().ok_or(Invalid::Unreadable)?;
    let length = usize::from(u16::from_be_bytes(*length));
    match rest.get(..length) {
        Some(id) if (1..=CREDENTIAL_ID_LENGTH_MAX).contains(&length) => Ok(id),
        _ => Err(Invalid::Unreadable),
    }
}

/// How signatures by a public key are verified, and the key in the form that is needed for it; none if its kind is not
/// one of [`ALGORITHMS`].
fn kind_of(public_key: &[u8]) -> Option<(&'static dyn VerificationAlgorithm, &[u8])> {
    if public_key.len() > PART_LENGTH_MAX {
        return None;
    }
    let info = SubjectPublicKeyInfoRef::try_from(public_key).ok()?;
    let key = info.subject_public_key.as_bytes()?;
    let (kind, parameters) = (info.algorithm.oid, info.algorithm.parameters);
    let curve = parameters.and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok());
    match kind {
        EC_PUBLIC_KEY if curve == Some(P_256) => Some((&ECDSA_P256_SHA256_ASN1, key)),
        ED25519_KEY if parameters.is_none() => Some((&ED25519, key)),
        RSA => Some((&RSA_PKCS1_2048_8192_SHA256, key)),
        _ => None,
    }
}
