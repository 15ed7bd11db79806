//! Reading `Signature-Input` and `Signature` (RFC 9421 §4).

use std::fmt;

use http::{HeaderMap, HeaderName};
use sfv::{BareItem, InnerList, ListEntry, Parameters};

use crate::component::{self, Component, ComponentError};
use crate::field;
use crate::key::MAX_KEY_ID_BYTES;
use crate::request::Request;
use crate::{SIGNATURE, SIGNATURE_INPUT};

/// Longest `Signature-Input` or `Signature` that is read, all lines together, in bytes.
pub const MAX_HEADER_BYTES: usize = 16 * 1024;
/// Most signatures that one request may carry.
pub const MAX_SIGNATURES: usize = 8;
/// Most components that one signature may cover.
pub const MAX_COMPONENTS: usize = 64;
/// Longest `nonce`, in bytes.
pub const MAX_NONCE_BYTES: usize = 256;

/// The signature headers are missing or cannot be read: there is nothing to verify.
///
/// A signature that can be read and yet is not acceptable is a [`Failure`](crate::Failure) instead; a
/// provider answers the two differently.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Neither header is there.
    #[error("the request is not signed: it has neither a Signature-Input nor a Signature header")]
    NotSigned,
    /// Only one of the two headers is there.
    #[error("the request has no {0} header, although it has the other of Signature-Input and Signature")]
    MissingHeader(HeaderName),
    /// More than [`MAX_HEADER_BYTES`].
    #[error("the {header} header has {actual} bytes; at most {max} are read", max = MAX_HEADER_BYTES)]
    TooLong {
        /// Which header.
        header: HeaderName,
        /// Its length in bytes.
        actual: usize,
    },
    /// Not a dictionary of RFC 8941.
    #[error("the {header} header is not a structured dictionary (RFC 8941): {reason}")]
    Syntax {
        /// Which header.
        header: HeaderName,
        /// What the parser stumbled upon, and at which byte.
        reason: String,
    },
    /// More than [`MAX_SIGNATURES`].
    #[error("the request carries {0} signatures; at most {max} are read", max = MAX_SIGNATURES)]
    TooManySignatures(usize),
    /// No label is in both headers.
    #[error("no label is in both headers: Signature-Input has {inputs}, Signature has {signatures}")]
    NoCommonLabel {
        /// Labels in `Signature-Input`.
        inputs: String,
        /// Labels in `Signature`.
        signatures: String,
    },
    /// The member of `Signature-Input` is not `(…)`.
    #[error("Signature-Input: the member {0} is not a list of components in parentheses")]
    NotAList(String),
    /// The member of `Signature` is not `:…:`.
    #[error("Signature: the member {0} is not a byte sequence (base64 between colons)")]
    NotBytes(String),
    /// Ed25519 signatures have 64 bytes.
    #[error("Signature: the member {label} has {actual} bytes; an Ed25519 signature has 64")]
    SignatureLength {
        /// The signature's label.
        label: String,
        /// Its length in bytes.
        actual: usize,
    },
    /// More than [`MAX_COMPONENTS`].
    #[error("Signature-Input: the member {label} covers {actual} components; at most {max} are read", max = MAX_COMPONENTS)]
    TooManyComponents {
        /// The signature's label.
        label: String,
        /// How many there are.
        actual: usize,
    },
    /// A component that is not a string in quotes.
    #[error("Signature-Input: a component of the member {0} is not a string in double quotes")]
    ComponentNotAString(String),
    /// A component that is covered twice (RFC 9421 §2).
    #[error("Signature-Input: the member {label} covers {component} twice")]
    DuplicateComponent {
        /// The signature's label.
        label: String,
        /// The component.
        component: String,
    },
    /// No `keyid`, so that the key cannot be found.
    #[error("Signature-Input: the member {0} has no keyid")]
    MissingKeyId(String),
    /// A parameter of another type than RFC 9421 §2.3 gives it.
    #[error("Signature-Input: the parameter {parameter} of the member {label} is not {expected}")]
    ParameterType {
        /// The signature's label.
        label: String,
        /// The parameter.
        parameter: &'static str,
        /// What it should be.
        expected: &'static str,
    },
    /// A `keyid` or `nonce` that is empty or too long.
    #[error(
        "Signature-Input: the parameter {parameter} of the member {label} has {actual} bytes instead of 1 to {max}"
    )]
    ParameterLength {
        /// The signature's label.
        label: String,
        /// The parameter.
        parameter: &'static str,
        /// Its length in bytes.
        actual: usize,
        /// Longest accepted, in bytes.
        max: usize,
    },
}

/// One signature, read but not yet believed.
#[derive(Clone, PartialEq, Eq)]
pub struct ParsedSignature {
    pub(crate) label: String,
    pub(crate) components: Vec<Component>,
    /// The inner list with its parameters, strictly serialised: the value of `@signature-params`.
    pub(crate) params: String,
    pub(crate) signature: [u8; 64],
    pub(crate) key_id: String,
    pub(crate) created: Option<i64>,
    pub(crate) expires: Option<i64>,
    pub(crate) nonce: Option<String>,
    pub(crate) algorithm: Option<String>,
}

impl ParsedSignature {
    /// The label that ties the two headers together, such as `sig1`.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The `keyid` parameter: which key the signer claims to have used.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The `created` parameter, Unix seconds.
    pub fn created(&self) -> Option<i64> {
        self.created
    }

    /// The `expires` parameter, Unix seconds.
    pub fn expires(&self) -> Option<i64> {
        self.expires
    }

    /// The `nonce` parameter.
    pub fn nonce(&self) -> Option<&str> {
        self.nonce.as_deref()
    }

    /// The covered components, in the order given.
    pub fn components(&self) -> &[Component] {
        &self.components
    }

    pub(crate) fn covers(&self, name: &str) -> bool {
        self.components.iter().any(|component| component.is_plain(name))
    }

    /// The signature base (RFC 9421 §2.5): the text that the signature is over, for this request.
    ///
    /// It contains the values of the covered headers, access tokens included: do not log it.
    ///
    /// # Errors
    /// [`ComponentError`] when a covered component is unsupported, absent or unusable.
    pub fn signature_base(&self, request: &Request<'_>) -> Result<String, ComponentError> {
        let target = request.target()?;
        let mut base = String::with_capacity(self.params.len() + request.target_uri.len() + 512);
        for component in &self.components {
            component.push_line(&mut base, request, &target)?;
            base.push('\n');
        }
        push_params_line(&mut base, &self.params);
        Ok(base)
    }

    fn read(label: &str, input: &ListEntry, signature: &ListEntry) -> Result<Self, Malformed> {
        let ListEntry::InnerList(list) = input else { return Err(Malformed::NotAList(label.to_owned())) };
        let components = read_components(label, list)?;
        let params = ReadParams { label, params: &list.params };
        let key_id = params.string("keyid")?.ok_or_else(|| Malformed::MissingKeyId(label.to_owned()))?;
        params.check_length("keyid", key_id, MAX_KEY_ID_BYTES)?;
        let nonce = params.string("nonce")?;
        if let Some(nonce) = nonce {
            params.check_length("nonce", nonce, MAX_NONCE_BYTES)?;
        }
        // Its meaning is the application's, its type the RFC's.
        params.string("tag")?;
        let created = params.instant("created")?;
        let expires = params.instant("expires")?;
        let algorithm = params.string("alg")?.map(str::to_owned);
        let mut serialized = String::new();
        component::push_entry(&mut serialized, input);
        Ok(Self {
            label: label.to_owned(),
            components,
            params: serialized,
            signature: read_signature(label, signature)?,
            key_id: key_id.to_owned(),
            created,
            expires,
            nonce: nonce.map(str::to_owned),
            algorithm,
        })
    }
}

/// Leaves out the signature's bytes, which help nobody.
impl fmt::Debug for ParsedSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ParsedSignature").field("label", &self.label).field("params", &self.params).finish()
    }
}

pub(crate) fn push_params_line(base: &mut String, params: &str) {
    base.push_str("\"@signature-params\": ");
    base.push_str(params);
}

/// Reads the signatures of a request, without verifying any.
///
/// Returned are those whose label is in both headers, in the order of `Signature-Input`; there is at least
/// one. A member that is not a well-formed Ed25519 signature (another party's, with another kind of key,
/// say) is passed over as long as there is one that is.
///
/// # Errors
/// [`Malformed`], when no signature can be read.
pub fn parse(headers: &HeaderMap) -> Result<Vec<ParsedSignature>, Malformed> {
    match (headers.contains_key(SIGNATURE_INPUT), headers.contains_key(SIGNATURE)) {
        (false, false) => return Err(Malformed::NotSigned),
        (false, true) => return Err(Malformed::MissingHeader(SIGNATURE_INPUT)),
        (true, false) => return Err(Malformed::MissingHeader(SIGNATURE)),
        (true, true) => {}
    }
    let inputs = read_dictionary(headers, SIGNATURE_INPUT)?;
    let signatures = read_dictionary(headers, SIGNATURE)?;
    if inputs.len() > MAX_SIGNATURES {
        return Err(Malformed::TooManySignatures(inputs.len()));
    }
    let mut read = Vec::with_capacity(1);
    let mut first_fault = None;
    for (label, input) in &inputs {
        let Some(signature) = signatures.get(label.as_str()) else { continue };
        match ParsedSignature::read(label.as_str(), input, signature) {
            Ok(parsed) => read.push(parsed),
            Err(fault) => first_fault = first_fault.or(Some(fault)),
        }
    }
    if !read.is_empty() {
        return Ok(read);
    }
    Err(first_fault
        .unwrap_or_else(|| Malformed::NoCommonLabel { inputs: labels(&inputs), signatures: labels(&signatures) }))
}

fn read_dictionary(headers: &HeaderMap, header: HeaderName) -> Result<sfv::Dictionary, Malformed> {
    let text = field::join(headers.get_all(&header));
    if text.len() > MAX_HEADER_BYTES {
        return Err(Malformed::TooLong { header, actual: text.len() });
    }
    field::dictionary(&text).map_err(|error| Malformed::Syntax { header, reason: error.to_string() })
}

fn labels(members: &sfv::Dictionary) -> String {
    if members.is_empty() {
        return "none".to_owned();
    }
    members.keys().map(|key| key.as_str()).collect::<Vec<_>>().join(", ")
}

fn read_components(label: &str, list: &InnerList) -> Result<Vec<Component>, Malformed> {
    if list.items.len() > MAX_COMPONENTS {
        return Err(Malformed::TooManyComponents { label: label.to_owned(), actual: list.items.len() });
    }
    let mut components: Vec<Component> = Vec::with_capacity(list.items.len());
    for (index, item) in list.items.iter().enumerate() {
        let component = Component::from_item(item).ok_or_else(|| Malformed::ComponentNotAString(label.to_owned()))?;
        // Maps compare without regard to order, which is how the RFC compares identifiers.
        if list.items[..index].contains(item) {
            let component = component.identifier().to_owned();
            return Err(Malformed::DuplicateComponent { label: label.to_owned(), component });
        }
        components.push(component);
    }
    Ok(components)
}

fn read_signature(label: &str, entry: &ListEntry) -> Result<[u8; 64], Malformed> {
    let ListEntry::Item(item) = entry else { return Err(Malformed::NotBytes(label.to_owned())) };
    let bytes = item.bare_item.as_byte_sequence().ok_or_else(|| Malformed::NotBytes(label.to_owned()))?;
    bytes.try_into().map_err(|_| Malformed::SignatureLength { label: label.to_owned(), actual: bytes.len() })
}

/// The signature parameters of one member, by type.
struct ReadParams<'a> {
    label: &'a str,
    params: &'a Parameters,
}

impl<'a> ReadParams<'a> {
    fn string(&self, parameter: &'static str) -> Result<Option<&'a str>, Malformed> {
        match self.params.get(parameter) {
            None => Ok(None),
            Some(BareItem::String(value)) => Ok(Some(value.as_str())),
            Some(_) => Err(self.wrong_type(parameter, "a string in double quotes")),
        }
    }

    fn instant(&self, parameter: &'static str) -> Result<Option<i64>, Malformed> {
        match self.params.get(parameter) {
            None => Ok(None),
            Some(BareItem::Integer(value)) => Ok(Some(i64::from(*value))),
            Some(_) => Err(self.wrong_type(parameter, "an integer (Unix seconds, without quotes)")),
        }
    }

    fn wrong_type(&self, parameter: &'static str, expected: &'static str) -> Malformed {
        Malformed::ParameterType { label: self.label.to_owned(), parameter, expected }
    }

    fn check_length(&self, parameter: &'static str, value: &str, max: usize) -> Result<(), Malformed> {
        if (1..=max).contains(&value.len()) {
            return Ok(());
        }
        Err(Malformed::ParameterLength { label: self.label.to_owned(), parameter, actual: value.len(), max })
    }
}
