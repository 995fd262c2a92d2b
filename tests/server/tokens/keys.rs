//! Keys of every kind, made by openssl as an operator would, and tokens signed with them.

use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// Somebody who signs tokens.
pub struct Signer {
    pub id: String,
    pub algorithm: Algorithm,
    key: EncodingKey,
    /// For a key set.
    pub jwk: Value,
    /// The public key in DER.
    pub public: Vec<u8>,
}

impl Signer {
    pub fn secret(id: &str, secret: &str) -> Signer {
        Signer {
            id: id.to_owned(),
            algorithm: Algorithm::HS256,
            key: EncodingKey::from_secret(secret.as_bytes()),
            jwk: json!({ "kty": "oct", "kid": id, "k": URL_SAFE_NO_PAD.encode(secret) }),
            public: Vec::new(),
        }
    }

    pub fn new(id: &str, algorithm: Algorithm) -> Signer {
        let kind: &[&str] = match algorithm {
            Algorithm::RS256 | Algorithm::RS512 => &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            Algorithm::ES256 => &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            Algorithm::EdDSA => &["ED25519"],
            other => panic!("{other:?}"),
        };
        let mut arguments = vec!["genpkey", "-outform", "PEM", "-algorithm"];
        arguments.extend_from_slice(kind);
        let private = openssl(&arguments, b"");
        let public = openssl(&["pkey", "-pubout", "-outform", "DER"], &private);
        // RSA keys are wanted bare, the others in PKCS #8.
        let key = match algorithm {
            Algorithm::ES256 => EncodingKey::from_ec_der(&from_pem(&private)),
            Algorithm::EdDSA => EncodingKey::from_ed_der(&from_pem(&private)),
            _ => EncodingKey::from_rsa_der(&openssl(&["rsa", "-traditional", "-outform", "DER"], &private)),
        };
        let digits = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let jwk = match algorithm {
            Algorithm::ES256 => {
                let (x, y) = public[public.len() - 64..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "kid": id, "x": digits(x), "y": digits(y) })
            }
            Algorithm::EdDSA => json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": digits(&public[public.len() - 32..]) }),
            // A modulus of 2048 bits with its sign, then the exponent 65537 (3 bytes and their header).
            _ => {
                let n = &public[public.len() - 5 - 256..public.len() - 5];
                json!({ "kty": "RSA", "kid": id, "use": "sig", "n": digits(n), "e": "AQAB" })
            }
        };
        Signer {
            id: id.to_owned(),
            algorithm,
            key,
            jwk,
            public,
        }
    }

    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(Some(&self.id), claims)
    }

    pub fn sign_as(&self, kid: Option<&str>, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = kid.map(str::to_owned);
        encode(&header, claims, &self.key).expect("it is signed")
    }

    /// Signs parts as they are.
    pub fn sign_raw(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.key, self.algorithm).expect("it is signed");
        format!("{message}.{signature}")
    }

    pub fn public_pem(&self) -> String {
        let text = STANDARD.encode(&self.public);
        let lines: Vec<&str> = text
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).expect("ASCII"))
            .collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }
}

pub fn key_set(signers: &[&Signer]) -> String {
    let keys: Vec<&Value> = signers.iter().map(|signer| &signer.jwk).collect();
    json!({ "keys": keys }).to_string()
}

fn openssl(arguments: &[&str], input: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut child = Command::new("openssl")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl runs");
    child.stdin.take().expect("its input").write_all(input).expect("written");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "openssl {arguments:?}");
    output.stdout
}

fn from_pem(text: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(text).expect("ASCII");
    let digits: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(digits).expect("base64")
}
