//! What each service wants to be sent. Pure.

use crate::channel::call::Request;
use crate::decide::Delivery;
use crate::message::text::{cut, one_line};
use reqwest::Method;
use serde_json::{Map, Value, json};

/// The form of what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Template {
    /// One JSON object: see docs/formats.md.
    Json,
    /// ntfy: the text as it is, the rest in headers.
    Ntfy,
    /// Slack, and what understands its incoming webhooks (Mattermost, Rocket.Chat).
    Slack,
    /// Discord.
    Discord,
    /// The `sendMessage` of a Telegram bot.
    Telegram,
}

/// ntfy makes an attachment of what is longer (4,096 bytes).
const NTFY_MAX: usize = 4_000;
/// Slack cuts what is longer than 40,000 characters; nobody reads that on a telephone.
const SLACK_MAX: usize = 12_000;
/// Discord refuses more than 2,000 characters.
const DISCORD_MAX: usize = 1_950;
/// Telegram refuses more than 4,096 characters.
const TELEGRAM_MAX: usize = 4_000;
const TITLE_MAX: usize = 200;

impl Template {
    /// All of them, the default first.
    pub const ALL: [Self; 5] = [Self::Json, Self::Ntfy, Self::Slack, Self::Discord, Self::Telegram];

    /// The word in the settings.
    pub fn word(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Ntfy => "ntfy",
            Self::Slack => "slack",
            Self::Discord => "discord",
            Self::Telegram => "telegram",
        }
    }

    /// The template of this word; JSON for any other.
    pub fn of(word: &str) -> Self {
        Self::ALL.into_iter().find(|t| t.word() == word).unwrap_or(Self::Json)
    }
}

/// Where to call, and with what. `url` is the address of the settings; it is changed for Telegram alone, whose
/// parameters go into the body together.
pub fn request(template: Template, channel: &str, servername: &str, d: &Delivery, url: &str) -> (String, Request) {
    let subject = one_line(&d.subject);
    let whole = format!("{subject}\n\n{}", d.body.trim_end());
    let mut address = url.to_owned();
    let mut headers = vec![("idempotency-key", bare(&d.message_id).to_owned())];
    let body = match template {
        Template::Json => in_json(channel, servername, d),
        Template::Ntfy => {
            let (priority, tag) = if d.urgent { ("5", "rotating_light") } else { ("3", "information_source") };
            headers.push(("title", cut(&subject, TITLE_MAX)));
            headers.push(("priority", priority.to_owned()));
            headers.push(("tags", tag.to_owned()));
            fit(d.body.trim_end(), NTFY_MAX, char::len_utf8)
        }
        Template::Slack => {
            let text = fit(&whole, SLACK_MAX, char::len_utf16);
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            json!({"text": text, "mrkdwn": false, "unfurl_links": false}).to_string()
        }
        Template::Discord => {
            let text = fit(&whole, DISCORD_MAX, char::len_utf16);
            // The fourth bit keeps it from showing what links lead to.
            json!({"content": text, "allowed_mentions": {"parse": []}, "flags": 4}).to_string()
        }
        Template::Telegram => {
            let mut fields = Map::new();
            if let Some((start, query)) = url.split_once('?') {
                start.clone_into(&mut address);
                fields = parameters(query.split('#').next().unwrap_or_default());
            }
            fields.insert("text".to_owned(), fit(&whole, TELEGRAM_MAX, char::len_utf16).into());
            fields.insert("link_preview_options".to_owned(), json!({"is_disabled": true}));
            Value::Object(fields).to_string()
        }
    };
    let kind = if template == Template::Ntfy { "text/plain; charset=utf-8" } else { "application/json" };
    headers.push(("content-type", kind.to_owned()));
    (address, Request { method: Method::POST, headers, body })
}

fn in_json(channel: &str, servername: &str, d: &Delivery) -> String {
    let at = jiff::Timestamp::from_microsecond(d.created_at.micros()).unwrap_or_default();
    let alerts: Vec<Value> =
        d.alerts.iter().map(|a| json!({"job": a.job, "episode": a.episode, "step": a.step})).collect();
    json!({
        "v": 1, "server": servername, "channel": channel, "message_id": bare(&d.message_id),
        "at": at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "urgent": d.urgent, "digest": d.digest,
        "subject": d.subject, "body": d.body, "alerts": alerts,
    })
    .to_string()
}

fn bare(message_id: &str) -> &str {
    message_id.trim_matches(['<', '>'])
}

/// The parameters of an address, percent-decoded.
fn parameters(query: &str) -> Map<String, Value> {
    let pairs = query.split('&').filter(|p| !p.is_empty()).map(|p| p.split_once('=').unwrap_or((p, "")));
    pairs.map(|(key, value)| (decoded(key), decoded(value).into())).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let hex = |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        match (byte, hex(ahead.next()), hex(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                bytes.push(high * 16 + low);
                rest = ahead;
            }
            (b'+', ..) => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// At most `max`, counted by `size`; what is cut ends with a note, at the end of a line if one is near.
fn fit(text: &str, max: usize, size: fn(char) -> usize) -> String {
    const NOTE: &str = "\n... (cut: the service takes no more; see `checker status`)";
    if text.chars().map(size).sum::<usize>() <= max {
        return text.to_owned();
    }
    let room = max.saturating_sub(NOTE.chars().map(size).sum());
    let mut used = 0;
    let kept: String = text
        .chars()
        .take_while(|c| {
            used += size(*c);
            used <= room
        })
        .collect();
    let kept = match kept.rsplit_once('\n') {
        Some((lines, tail)) if tail.len() < 200 => lines,
        _ => kept.as_str(),
    };
    format!("{}{NOTE}", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::{AlertId, DeliveryState, Recipient};
    use checker_job::{JobId, Timestamp};
    use uuid::Uuid;

    fn delivery(body: &str, urgent: bool) -> Delivery {
        Delivery {
            id: Uuid::from_u128(7),
            recipient: Recipient("phone".to_owned()),
            alerts: vec![AlertId { job: JobId::literal("tcp:ns:53"), episode: 2, step: 0 }],
            subject: "[alpha] DOWN: straße & <router>".to_owned(),
            body: body.to_owned(),
            message_id: "<7@example.com>".to_owned(),
            in_reply_to: None,
            urgent,
            digest: false,
            created_at: Timestamp::from_secs(1_700_000_000),
            attempts: 0,
            next_try: Timestamp::from_secs(1_700_000_000),
            last_error: None,
            state: DeliveryState::Unsent,
        }
    }

    fn made(template: Template, body: &str) -> Request {
        let (url, request) = request(template, "phone", "alpha", &delivery(body, true), "https://x.example.com/a?b=c");
        assert_eq!(
            url,
            if template == Template::Telegram { "https://x.example.com/a" } else { "https://x.example.com/a?b=c" }
        );
        assert!(request.headers.contains(&("idempotency-key", "7@example.com".to_owned())), "{request:?}");
        request
    }

    fn parsed(template: Template, body: &str) -> Value {
        serde_json::from_str(&made(template, body).body).unwrap()
    }

    #[test]
    fn ntfy_gets_text_and_headers() {
        let request = made(Template::Ntfy, "It is down.\n\nLook.\n");
        let head = |name| request.headers.iter().find(|(n, _)| *n == name).map(|(_, v)| v.as_str());
        assert_eq!(request.body, "It is down.\n\nLook.");
        assert_eq!((head("title"), head("priority")), (Some("[alpha] DOWN: straße & <router>"), Some("5")));
        let calm = super::request(Template::Ntfy, "phone", "alpha", &delivery("x", false), "https://x").1;
        assert!(calm.headers.contains(&("priority", "3".to_owned())));
        let long = made(Template::Ntfy, &"ä".repeat(5_000)).body;
        assert!(long.len() <= NTFY_MAX && long.ends_with("see `checker status`)"), "{}", long.len());
    }

    #[test]
    fn chat_services_get_one_text_that_mentions_nobody() {
        let body = "hello @everyone <!channel>";
        let slack = parsed(Template::Slack, body);
        assert_eq!(slack["text"], "[alpha] DOWN: straße &amp; &lt;router&gt;\n\nhello @everyone &lt;!channel&gt;");
        let discord = parsed(Template::Discord, body);
        assert_eq!(discord["content"], "[alpha] DOWN: straße & <router>\n\nhello @everyone <!channel>");
        assert_eq!(discord["allowed_mentions"]["parse"], json!([]));
    }

    #[test]
    fn telegram_gets_the_parameters_of_its_address_in_the_body() {
        let d = delivery("x", true);
        let url = "https://api.telegram.org/bot1:A/sendMessage?chat_id=-100%2B5&disable_notification=true";
        let (address, request) = request(Template::Telegram, "phone", "alpha", &d, url);
        assert_eq!(address, "https://api.telegram.org/bot1:A/sendMessage");
        let sent: Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!((&sent["chat_id"], &sent["disable_notification"]), (&json!("-100+5"), &json!("true")));
        assert_eq!(sent["text"], "[alpha] DOWN: straße & <router>\n\nx");
        assert!(sent.get("parse_mode").is_none());
    }

    #[test]
    fn what_is_too_long_is_cut_with_a_note() {
        for (template, key, max) in [
            (Template::Discord, "content", 2_000),
            (Template::Telegram, "text", 4_096),
            (Template::Slack, "text", 40_000),
        ] {
            // Two units of UTF-16 each.
            let text = parsed(template, &"\u{1f6a8}".repeat(30_000))[key].as_str().unwrap().to_owned();
            let units = text.encode_utf16().count();
            assert!(units <= max && units > max / 4, "{template:?}: {units}");
            assert!(text.ends_with("see `checker status`)"), "{template:?}");
        }
        let lines = (0..1_000).map(|n| format!("line {n}")).collect::<Vec<_>>().join("\n");
        let cut = fit(&lines, 500, char::len_utf8);
        assert!(cut.lines().rev().nth(1).is_some_and(|l| l.starts_with("line ")), "{cut}");
    }

    #[test]
    fn json_has_a_stable_form() {
        let request = made(Template::Json, "body\n");
        assert_eq!(
            serde_json::from_str::<Value>(&request.body).unwrap(),
            json!({
                "v": 1, "server": "alpha", "channel": "phone", "message_id": "7@example.com",
                "at": "2023-11-14T22:13:20Z", "urgent": true, "digest": false,
                "subject": "[alpha] DOWN: straße & <router>", "body": "body\n",
                "alerts": [{"job": "tcp:ns:53", "episode": 2, "step": 0}],
            })
        );
    }
}
