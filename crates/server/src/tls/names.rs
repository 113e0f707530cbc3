//! What stands in a certificate, as RabbitMQ writes it.

use config::{CertificateName, SanKind};
use proto_amqp091::PeerCertificate;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::time::ASN1Time;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// The types of attributes that have a short name; all others go by their number.
const TYPES: [(&str, &str); 16] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "TITLE"),
    ("2.5.4.42", "GIVENNAME"),
    ("2.5.4.43", "INITIALS"),
    ("2.5.4.44", "GENERATIONQUALIFIER"),
    ("2.5.4.65", "PSEUDONYM"),
    ("1.2.840.113549.1.9.1", "EMAILADDRESS"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
];
const COMMON_NAME: &str = "2.5.4.3";

/// A name as RFC 4514 wants it: the last part first, `CN=client,O=Example`. Bytes beyond ASCII are written as `\C3\AB`.
pub(super) fn distinguished_name(name: &X509Name<'_>) -> String {
    let mut parts: Vec<String> = name
        .iter_rdn()
        .map(|part| {
            let attributes: Vec<String> = part.iter().map(attribute).collect();
            attributes.join("+")
        })
        .collect();
    parts.reverse();
    parts.join(",")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let number = attribute.attr_type().to_id_string();
    let known = TYPES.iter().find(|(known, _)| *known == number);
    let name = known.map_or(number.as_str(), |(_, name)| name);
    format!("{name}={}", escape(&value(attribute)))
}

/// The text of a value, whatever kind of string it is; of one that is none, its bytes.
fn value(attribute: &AttributeTypeAndValue<'_>) -> Vec<u8> {
    match attribute.as_str() {
        Ok(text) => text.as_bytes().to_vec(),
        Err(_) => attribute.as_slice().to_vec(),
    }
}

fn escape(value: &[u8]) -> String {
    let mut text = String::new();
    for (at, byte) in value.iter().enumerate() {
        let is_edge = at == 0 || at + 1 == value.len();
        match byte {
            b',' | b'+' | b'"' | b'\\' | b'<' | b'>' | b';' => {
                text.push('\\');
                text.push(char::from(*byte));
            }
            b'#' if at == 0 => text.push_str("\\#"),
            b' ' if is_edge => text.push_str("\\ "),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\{byte:02X}")),
        }
    }
    text
}

/// What people want to know of a client's certificate.
pub(super) fn describe(certificate: &X509Certificate<'_>) -> PeerCertificate {
    let validity = certificate.validity();
    PeerCertificate {
        subject: distinguished_name(certificate.subject()),
        issuer: distinguished_name(certificate.issuer()),
        validity: format!("{} - {}", time(&validity.not_before), time(&validity.not_after)),
    }
}

fn time(time: &ASN1Time) -> String {
    let time = time.to_datetime();
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// The name that a certificate logs in, if the one that is asked for is there.
pub(super) fn login_name(
    certificate: &X509Certificate<'_>,
    from: CertificateName,
) -> Option<String> {
    match from {
        CertificateName::DistinguishedName => Some(distinguished_name(certificate.subject())),
        CertificateName::CommonName => {
            let attributes = certificate.subject().iter_attributes();
            let names: Vec<String> = attributes
                .filter(|it| it.attr_type().to_id_string() == COMMON_NAME)
                .map(|it| String::from_utf8_lossy(&value(it)).into_owned())
                .collect();
            (!names.is_empty()).then(|| names.join(","))
        }
        CertificateName::SubjectAlternativeName { kind, index } => {
            let names = certificate.subject_alternative_name().ok()??;
            let mut names = names.value.general_names.iter().filter_map(|it| text_of(it, kind));
            names.nth(index)
        }
    }
}

/// An alternative name as text, if it is of that kind.
fn text_of(name: &GeneralName<'_>, kind: SanKind) -> Option<String> {
    match (kind, name) {
        (SanKind::Dns, GeneralName::DNSName(text))
        | (SanKind::Email, GeneralName::RFC822Name(text))
        | (SanKind::Uri, GeneralName::URI(text)) => Some((*text).to_owned()),
        (SanKind::Ip, GeneralName::IPAddress(bytes)) => {
            if let Ok(four) = <[u8; 4]>::try_from(*bytes) {
                return Some(std::net::Ipv4Addr::from(four).to_string());
            }
            <[u8; 16]>::try_from(*bytes).ok().map(|it| std::net::Ipv6Addr::from(it).to_string())
        }
        // [0] EXPLICIT, and in it a string: both have one byte of tag and one of length.
        (SanKind::OtherName, GeneralName::OtherName(_, bytes)) => {
            let text = bytes.get(4..).or_else(|| bytes.get(2..))?;
            String::from_utf8(text.to_vec()).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType, string::Ia5String};
    use x509_parser::parse_x509_certificate;

    use super::*;

    fn with_certificate(params: CertificateParams, look: impl FnOnce(&X509Certificate<'_>)) {
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        look(&parse_x509_certificate(certificate.der()).unwrap().1);
    }

    #[test]
    fn names_are_written_as_rabbitmq_writes_them() {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in [
            (DnType::CountryName, "DE"),
            (DnType::StateOrProvinceName, "Bay, ern"),
            (DnType::LocalityName, " lead #x "),
            (DnType::OrganizationName, "#O\"+;<>\\="),
            (DnType::CommonName, "Zoë"),
        ] {
            params.distinguished_name.push(kind, value);
        }
        // As a RabbitMQ 4.3.6 told it.
        let expected = r#"CN=Zo\C3\AB,O=\#O\"\+\;\<\>\\=,L=\ lead #x\ ,ST=Bay\, ern,C=DE"#;
        with_certificate(params, |certificate| {
            assert_eq!(distinguished_name(certificate.subject()), expected);
            let name = login_name(certificate, CertificateName::CommonName);
            assert_eq!(name.as_deref(), Some("Zoë"));
        });
    }

    #[test]
    fn validity_is_written_as_rabbitmq_writes_it() {
        let mut params = CertificateParams::default();
        params.not_before = rcgen::date_time_ymd(2026, 1, 2);
        params.not_after = rcgen::date_time_ymd(2055, 1, 2);
        with_certificate(params, |certificate| {
            let expected = "2026-01-02T00:00:00Z - 2055-01-02T00:00:00Z";
            assert_eq!(describe(certificate).validity, expected);
        });
    }

    #[test]
    fn alternative_names_are_counted_by_their_kind() {
        let mut params = CertificateParams::default();
        let text = |text: &str| Ia5String::try_from(text).unwrap();
        params.subject_alt_names = vec![
            SanType::DnsName(text("a.example")),
            SanType::URI(text("spiffe://a/b")),
            SanType::DnsName(text("b.example")),
            SanType::IpAddress("2001:db8::1".parse().unwrap()),
            SanType::OtherName((vec![1, 3, 6, 1], "u@x.y".into())),
        ];
        with_certificate(params, |certificate| {
            for (kind, index, expected) in [
                (SanKind::Dns, 0, Some("a.example")),
                (SanKind::Dns, 1, Some("b.example")),
                (SanKind::Dns, 2, None),
                (SanKind::Uri, 0, Some("spiffe://a/b")),
                (SanKind::Ip, 0, Some("2001:db8::1")),
                (SanKind::OtherName, 0, Some("u@x.y")),
                (SanKind::Email, 0, None),
            ] {
                let from = CertificateName::SubjectAlternativeName { kind, index };
                assert_eq!(login_name(certificate, from).as_deref(), expected, "{kind:?} {index}");
            }
        });
    }
}
