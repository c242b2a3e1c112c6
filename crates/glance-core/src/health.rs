//! The answer of a health check, as oslo.middleware gives it.

use std::fmt::Write;

use serde_json::json;

/// What looking at one thing found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether the daemon is to be used, as far as this thing is concerned.
    pub available: bool,
    /// What was found, for detailed answers.
    pub details: String,
}

/// What a detailed answer tells besides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circumstances {
    /// The host's name.
    pub hostname: String,
    /// The time, as people write it.
    pub now: String,
    /// The system and the machine's kind.
    pub platform: String,
}

/// An answer on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// 200, 204 for HEAD, 503.
    pub status: u16,
    /// The type of the body.
    pub content_type: &'static str,
    /// Empty for HEAD.
    pub body: String,
}

const TEXT: &str = "text/plain";
const HTML: &str = "text/html";
const JSON: &str = "application/json";

impl Finding {
    fn reason(&self) -> &'static str {
        if self.available {
            "OK"
        } else {
            "DISABLED BY FILE"
        }
    }
}

impl Health {
    /// The answer to a request by `method` with this `Accept`; detailed if `circumstances` are
    /// given. Whoever takes none of the three types gets text.
    ///
    /// A detailed answer of oslo.middleware tells of Python's interpreter and threads as well, of
    /// which there are none here.
    pub fn new(
        findings: &[Finding],
        method: &str,
        accept: Option<&str>,
        circumstances: Option<&Circumstances>,
    ) -> Self {
        let healthy = findings.iter().all(|finding| finding.available);
        let status = match (healthy, method) {
            (false, _) => 503,
            (true, "HEAD") => 204,
            (true, _) => 200,
        };
        if method == "HEAD" {
            return Self {
                status,
                content_type: "text/plain; charset=UTF-8",
                body: String::new(),
            };
        }
        let (content_type, body) = match best_match(accept) {
            HTML => ("text/html; charset=UTF-8", html(findings, circumstances)),
            JSON => (JSON, as_json(findings, circumstances)),
            _ => ("text/plain; charset=UTF-8", text(findings)),
        };
        Self {
            status,
            content_type,
            body,
        }
    }
}

/// The type that WebOb chooses: the highest quality, then the most specific range, then this order.
fn best_match(accept: Option<&str>) -> &'static str {
    let Some(accept) = accept else { return TEXT };
    let mut best = (TEXT, 0, usize::MAX);
    for offer in [TEXT, HTML, JSON] {
        for (range, quality) in accept.split(',').filter_map(media_range) {
            let stars = range.matches('*').count();
            let better = quality > best.1 || (quality == best.1 && stars < best.2);
            if quality > 0 && better && covers(range, offer) {
                best = (offer, quality, stars);
            }
        }
    }
    best.0
}

/// A range of an `Accept` and its quality in thousandths.
fn media_range(item: &str) -> Option<(&str, u32)> {
    let mut parts = item.split(';').map(str::trim);
    let range = parts.next().filter(|range| range.contains('/'))?;
    let quality = parts.find_map(|part| part.strip_prefix("q="));
    let quality: f64 = quality.map_or(Ok(1.0), str::parse).ok()?;
    Some((range, (quality.clamp(0.0, 1.0) * 1000.0) as u32))
}

fn covers(range: &str, offer: &str) -> bool {
    let (Some((kind, sub)), Some((offered, suboffered))) =
        (range.split_once('/'), offer.split_once('/'))
    else {
        return false;
    };
    let same = |range: &str, offer: &str| range == "*" || range.eq_ignore_ascii_case(offer);
    same(kind, offered) && same(sub, suboffered)
}

fn text(findings: &[Finding]) -> String {
    let reasons: Vec<_> = findings.iter().map(Finding::reason).collect();
    reasons.join("\n")
}

/// As Python writes it with its keys sorted and four blanks for each level.
fn as_json(findings: &[Finding], circumstances: Option<&Circumstances>) -> String {
    let document = match circumstances {
        None => {
            let reasons: Vec<_> = findings.iter().map(Finding::reason).collect();
            json!({"detailed": false, "reasons": reasons})
        }
        Some(about) => {
            let reason = |finding: &Finding| {
                json!({
                    "class": "HealthcheckResult",
                    "details": finding.details,
                    "reason": finding.reason(),
                })
            };
            let reasons: Vec<_> = findings.iter().map(reason).collect();
            json!({
                "detailed": true,
                "now": about.now,
                "platform": about.platform,
                "reasons": reasons,
            })
        }
    };
    let two = serde_json::to_string_pretty(&document).unwrap_or_default();
    let indented = two.lines().map(|line| {
        let content = line.trim_start();
        format!("{}{content}", " ".repeat(2 * (line.len() - content.len())))
    });
    indented.collect::<Vec<_>>().join("\n")
}

fn html(findings: &[Finding], circumstances: Option<&Circumstances>) -> String {
    let mut page = "<HTML>\n<HEAD><TITLE>Healthcheck Status</TITLE></HEAD>\n<BODY>\n".to_owned();
    if let Some(about) = circumstances {
        page.push_str("<H1>Server status</H1>\n");
        let facts = [
            ("Server hostname", &about.hostname),
            ("Current time", &about.now),
            ("Platform", &about.platform),
        ];
        for (name, fact) in facts {
            // Writing to a String cannot fail.
            let _ = writeln!(page, "<B>{name}:</B><PRE>{}</PRE>", escaped(fact));
        }
        page.push_str("<HR></HR>");
    }
    let _ = write!(
        page,
        "\n<H2>Result of {} checks:</H2>\n<TABLE bgcolor=\"#ffffff\" border=\"1\">\n<TBODY>\n<TR>\n",
        findings.len()
    );
    page.push_str(match circumstances {
        Some(_) => "<TH>\nKind\n</TH>\n<TH>\nReason\n</TH>\n<TH>\nDetails\n</TH>\n\n</TR>\n",
        None => "\n<TH>\nReason\n</TH>\n</TR>\n",
    });
    for finding in findings {
        let reason = finding.reason();
        let _ = match circumstances {
            Some(_) => write!(
                page,
                "<TR>\n<TD>HealthcheckResult</TD>\n    <TD>{reason}</TD>\n<TD>{}</TD>\n</TR>",
                escaped(&finding.details)
            ),
            None => write!(page, "<TR>\n\n    <TD>{reason}</TD>\n\n</TR>"),
        };
    }
    page.push_str("\n</TBODY>\n</TABLE>\n<HR></HR>\n");
    page.push_str(if circumstances.is_some() {
        "\n\n"
    } else {
        "\n"
    });
    page.push_str("</BODY>\n</HTML>");
    page
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\'', "&#39;")
        .replace('"', "&#34;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(available: bool) -> Finding {
        Finding {
            available,
            details: "Path '/a' was not found".to_owned(),
        }
    }

    fn answer(available: bool, method: &str, accept: Option<&str>) -> (u16, String) {
        let health = Health::new(&[finding(available)], method, accept, None);
        (health.status, health.body)
    }

    #[test]
    fn answers_as_recorded() {
        let health = Health::new(&[finding(true)], "GET", None, None);
        assert_eq!(health.content_type, "text/plain; charset=UTF-8");
        assert_eq!(answer(true, "GET", None), (200, "OK".to_owned()));
        assert_eq!(answer(true, "HEAD", Some(HTML)), (204, String::new()));
        assert_eq!(answer(true, "POST", None), (200, "OK".to_owned()));
        assert_eq!(
            answer(false, "GET", None),
            (503, "DISABLED BY FILE".to_owned())
        );
        assert_eq!(answer(false, "HEAD", None), (503, String::new()));
        let both = Health::new(&[finding(true), finding(false)], "GET", None, None);
        assert_eq!(
            (both.status, both.body.as_str()),
            (503, "OK\nDISABLED BY FILE")
        );
        assert_eq!(Health::new(&[], "GET", None, None).body, "");
    }

    #[test]
    fn chooses_the_type_as_webob_does() {
        let cases = [
            ("*/*", TEXT),
            ("text/*", TEXT),
            ("text/html", HTML),
            ("text/html,*/*;q=0.8", HTML),
            ("*/*, application/json", JSON),
            ("text/html;q=0.5, application/json;q=0.4", HTML),
            ("text/plain;q=0.1, application/json;q=0.4", JSON),
            ("image/png", TEXT),
            ("text/html;q=0", TEXT),
            ("nonsense", TEXT),
            ("", TEXT),
        ];
        for (accept, expected) in cases {
            assert_eq!(best_match(Some(accept)), expected, "{accept}");
        }
    }

    #[test]
    fn writes_json_with_sorted_keys() {
        assert_eq!(
            answer(true, "GET", Some(JSON)).1,
            "{\n    \"detailed\": false,\n    \"reasons\": [\n        \"OK\"\n    ]\n}"
        );
    }

    #[test]
    fn writes_the_page() {
        assert_eq!(
            answer(false, "GET", Some(HTML)).1,
            "<HTML>\n<HEAD><TITLE>Healthcheck Status</TITLE></HEAD>\n<BODY>\n\n\
             <H2>Result of 1 checks:</H2>\n<TABLE bgcolor=\"#ffffff\" border=\"1\">\n<TBODY>\n<TR>\n\n\
             <TH>\nReason\n</TH>\n</TR>\n<TR>\n\n    <TD>DISABLED BY FILE</TD>\n\n</TR>\n</TBODY>\n\
             </TABLE>\n<HR></HR>\n\n</BODY>\n</HTML>"
        );
        let about = Circumstances {
            hostname: "a<b>".to_owned(),
            now: "then".to_owned(),
            platform: "linux".to_owned(),
        };
        let page = Health::new(&[finding(true)], "GET", Some(HTML), Some(&about)).body;
        for part in [
            "<B>Server hostname:</B><PRE>a&lt;b&gt;</PRE>\n",
            "<TR>\n<TD>HealthcheckResult</TD>\n    <TD>OK</TD>\n\
             <TD>Path &#39;/a&#39; was not found</TD>\n</TR>\n</TBODY>",
        ] {
            assert!(page.contains(part), "{page}");
        }
        let json = Health::new(&[finding(true)], "GET", Some(JSON), Some(&about)).body;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["reasons"][0]["details"], "Path '/a' was not found");
        assert_eq!(json["detailed"], true);
    }
}
