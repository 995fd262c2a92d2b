//! Signatures of Standard Webhooks 1.0, "Signature scheme": HMAC-SHA256 over id, time and body.

use aws_lc_rs::hmac::{Context, HMAC_SHA256, Key};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The value of `webhook-signature`.
pub fn sign(key: &[u8], id: &str, timestamp_unix: i64, payload: &str) -> String {
    let mut signing = Context::with_key(&Key::new(HMAC_SHA256, key));
    for part in [id, ".", &timestamp_unix.to_string(), ".", payload] {
        signing.update(part.as_bytes());
    }
    format!("v1,{}", STANDARD.encode(signing.sign()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of the specification's own libraries.
    #[test]
    fn it_signs_as_the_specification_does() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base 64");
        let signature = sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
