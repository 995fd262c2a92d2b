//! `tandem token`: a token signed with a secret of the configuration, to try a server or to let somebody in by hand.

use std::time::Duration;

use anyhow::{Context, bail};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use serde_json::{Map, Value, json};

use super::random_secret;
use crate::config::AuthMode;
use crate::id::LinkId;

/// What the token is to say.
#[derive(Debug, Clone, clap::Args)]
pub struct Wish {
    /// Which key of auth.keys signs it; may be left out where there is one
    #[arg(long, value_name = "ID")]
    pub key: Option<String>,
    /// Who it is for: the same name is the same user
    #[arg(long, value_name = "SUBJECT", default_value = "guest")]
    pub user: String,
    /// How others see them
    #[arg(long)]
    pub name: Option<String>,
    /// The only room that it opens: what stands in /r/…. "new" makes an id that is not in use
    #[arg(long, value_name = "LINK ID")]
    pub room: Option<String>,
    /// For how long it is good: 90s, 10m, 1h, 7d
    #[arg(long, default_value = "1h", value_parser = span)]
    pub ttl: Duration,
    /// A host in the rooms that it opens
    #[arg(long)]
    pub admin: bool,
    /// May make rooms; with --room, may open that one
    #[arg(long)]
    pub create: bool,
    /// May not send
    #[arg(long)]
    pub no_publish: bool,
    /// May not be sent anything
    #[arg(long)]
    pub no_subscribe: bool,
    /// Good for one sign-in
    #[arg(long)]
    pub once: bool,
}

/// Signs it.
///
/// # Errors
/// One sentence: the configuration has no such key, or the room is none.
pub fn issue(auth: &AuthMode, wish: &Wish) -> anyhow::Result<String> {
    let AuthMode::Token(auth) = auth else {
        bail!("auth.mode is not \"token\": this server takes no tokens");
    };
    let key = match (&wish.key, auth.keys.as_slice()) {
        (None, [only]) => only,
        (None, []) => bail!("auth.keys is empty: tokens of auth.jwks are signed where its keys are"),
        (None, _) => bail!("the key has to be one of auth.keys, by its id"),
        (Some(id), keys) => keys
            .iter()
            .find(|key| key.id == *id)
            .with_context(|| format!("{id}: there is no such key in auth.keys"))?,
    };
    let now = get_current_timestamp();
    let mut claims = Map::new();
    let mut say = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    say("sub", json!(wish.user));
    say("nbf", json!(now));
    say("exp", json!(now.saturating_add(wish.ttl.as_secs())));
    say("iss", json!(auth.issuer.as_ref().unwrap_or(&key.id)));
    if let Some(audience) = &auth.audience {
        say("aud", json!(audience));
    }
    if let Some(name) = &wish.name {
        say("name", json!(name));
    }
    if wish.once {
        say("jti", json!(random_secret()?));
        say("once", json!(true));
    }
    if let Some(video) = video(wish)? {
        say("video", video);
    }
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(key.id.clone());
    encode(&header, &claims, &EncodingKey::from_secret(key.secret.bytes())).context("it cannot be signed")
}

/// Without any word about rooms there is no grant, and so no limit.
fn video(wish: &Wish) -> anyhow::Result<Option<Value>> {
    let is_limited = wish.room.is_some() || wish.admin || wish.create || wish.no_publish || wish.no_subscribe;
    if !is_limited {
        return Ok(None);
    }
    let mut video = json!({
        "roomJoin": true,
        "roomCreate": wish.create,
        "roomAdmin": wish.admin,
        "canPublish": !wish.no_publish,
        "canSubscribe": !wish.no_subscribe,
    });
    match wish.room.as_deref() {
        None => {}
        Some("new") => {
            let mut bits = [0; 8];
            aws_lc_rs::rand::fill(&mut bits).ok().context("no random numbers")?;
            video["room"] = json!(LinkId::from_random(u64::from_be_bytes(bits)));
        }
        Some(room) => {
            let link: LinkId = room.parse().with_context(|| format!("--room {room}"))?;
            video["room"] = json!(link);
        }
    }
    Ok(Some(video))
}

/// A number and s, m, h or d.
fn span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?}: expected a number and a unit, such as 90s, 10m, 1h or 7d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    match number.checked_mul(seconds) {
        Some(long @ 1..=31_536_000) => Ok(Duration::from_secs(long)),
        _ => Err(format!("{text:?}: expected 1s to 365d")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_a_number_and_a_unit() {
        for (text, seconds) in [("90s", 90), ("10m", 600), ("1h", 3600), ("7d", 604_800)] {
            assert_eq!(span(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "h",
            "1",
            "0s",
            "1.5h",
            "-1h",
            "366d",
            "99999999999999999999h",
            "1ä",
            "1 h",
        ] {
            assert!(span(text).is_err(), "{text} was taken");
        }
    }
}
