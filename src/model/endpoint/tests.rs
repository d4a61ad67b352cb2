//! Addresses as people write them.

use proptest::prelude::{any, prop_assert_eq, proptest};

use super::{Endpoint, InvalidEndpoint};

#[test]
fn everything_a_person_has_at_hand_is_read() {
    for (text, authority, shown) in [
        ("192.168.1.50", "192.168.1.50:8006", "192.168.1.50"),
        (" pve.lan ", "pve.lan:8006", "pve.lan"),
        ("PVE.Lan.", "pve.lan:8006", "pve.lan"),
        ("pve_1.lan", "pve_1.lan:8006", "pve_1.lan"),
        ("pve.lan:8006", "pve.lan:8006", "pve.lan"),
        ("pve.lan:443", "pve.lan:443", "pve.lan:443"),
        ("https://192.168.1.50:8006/#v1:0:18:4", "192.168.1.50:8006", "192.168.1.50"),
        ("https://192.168.1.50:8006/#v1:0:=node%2Fpve:4:5:::::", "192.168.1.50:8006", "192.168.1.50"),
        ("HTTPS://pve.lan/api2/json", "pve.lan:8006", "pve.lan"),
        ("http://pve.lan:8006?console=1", "pve.lan:8006", "pve.lan"),
        ("fe80::1", "[fe80::1]:8006", "fe80::1"),
        ("2001:DB8::0:1", "[2001:db8::1]:8006", "2001:db8::1"),
        ("[2001:db8::1]", "[2001:db8::1]:8006", "2001:db8::1"),
        ("[2001:db8::1]:443", "[2001:db8::1]:443", "[2001:db8::1]:443"),
        ("https://[::1]:8006/#v1", "[::1]:8006", "::1"),
    ] {
        let endpoint: Endpoint = text.parse().unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!((endpoint.authority().as_str(), endpoint.to_string().as_str()), (authority, shown), "{text}");
        assert_eq!(endpoint.to_string().parse(), Ok(endpoint), "{text}");
    }
}

#[test]
fn an_address_of_a_browser_without_a_port_may_mean_the_port_of_the_web() {
    for (text, other) in [
        ("https://pve.lan", Some("pve.lan:443")),
        ("https://[::1]/#v1:0", Some("[::1]:443")),
        ("https://pve.lan:8006", None),
        ("https://pve.lan:443/", None),
        ("http://pve.lan", None),
        ("pve.lan", None),
    ] {
        let endpoint: Endpoint = text.parse().unwrap();
        assert_eq!(endpoint.alternative().map(|it| it.authority()).as_deref(), other, "{text}");
    }
    for text in ["https", "https:8006", "http.lan", "https.lan:443", "httpsserver"] {
        assert!(text.parse::<Endpoint>().is_ok(), "{text}");
    }
}

#[test]
fn a_server_is_the_same_in_every_spelling() {
    for (one, other, same) in [
        ("pve.lan", "PVE.LAN.:8006", true),
        ("https://pve.lan:8006/#v1", "pve.lan", true),
        ("192.168.1.50", "[::ffff:192.168.1.50]:8006", true),
        ("2001:DB8:0::1", "[2001:db8::1]:8006", true),
        ("pve.lan", "pve.lan:443", false),
        ("https://pve.lan/", "pve.lan:443", true),
        ("https://pve.lan/", "pve.lan", true),
        ("https://pve.lan/#v1:0", "https://PVE.lan", true),
        ("https://192.168.1.50", "[::ffff:192.168.1.50]:443", true),
        ("https://pve.lan/", "pve.lan:8443", false),
        ("https://pve.lan/", "pve2.lan:443", false),
        ("pve.lan", "pve", false),
        ("192.168.1.50", "192.168.1.51", false),
        ("127.0.0.1", "localhost", false),
        ("::1", "127.0.0.1", false),
    ] {
        let (one, other): (Endpoint, Endpoint) = (one.parse().unwrap(), other.parse().unwrap());
        assert_eq!(one.is_same_server(&other), same, "{one} {other}");
        assert_eq!(other.is_same_server(&one), same, "{other} {one}");
    }
}

#[test]
fn what_is_no_server_is_refused_with_the_reason() {
    for (text, reason) in [
        ("", InvalidEndpoint::Empty),
        ("https://", InvalidEndpoint::Empty),
        (":8006", InvalidEndpoint::Empty),
        ("ssh://pve.lan", InvalidEndpoint::Scheme { scheme: "ssh".to_owned() }),
        ("https://root:hunter2@pve.lan", InvalidEndpoint::Credentials),
        ("root@pve.lan", InvalidEndpoint::Credentials),
        ("pve.lan:", InvalidEndpoint::Port),
        ("pve.lan:0", InvalidEndpoint::Port),
        ("pve.lan:65536", InvalidEndpoint::Port),
        ("pve.lan:80a", InvalidEndpoint::Port),
        ("pve.lan:+80", InvalidEndpoint::Port),
        ("256.1.1.1", InvalidEndpoint::Ipv4),
        ("192.168.1", InvalidEndpoint::Ipv4),
        ("0x7f.1", InvalidEndpoint::Ipv4),
        ("1.2.3.0x", InvalidEndpoint::Ipv4),
        ("pve.0X1f", InvalidEndpoint::Ipv4),
        ("2130706433", InvalidEndpoint::Ipv4),
        ("010.0.0.1", InvalidEndpoint::Ipv4),
        ("https//pve.lan:8006", InvalidEndpoint::MistypedScheme),
        ("https:/pve.lan", InvalidEndpoint::MistypedScheme),
        ("HTTP:pve.lan", InvalidEndpoint::MistypedScheme),
        ("https;//pve.lan", InvalidEndpoint::MistypedScheme),
        (r"https:\\pve.lan", InvalidEndpoint::MistypedScheme),
        ("https\u{200b}://pve.lan", InvalidEndpoint::MistypedScheme),
        ("https://pve.lan/proxmox/", InvalidEndpoint::Path),
        ("pve.lan/proxmox", InvalidEndpoint::Path),
        ("https://pve.lan:8006/pve/api2/json", InvalidEndpoint::Path),
        ("192.168.1.0/24", InvalidEndpoint::Mask),
        ("192.168.1.50/255.255.255.0", InvalidEndpoint::Mask),
        ("2001:db8::/64", InvalidEndpoint::Mask),
        ("pve.lan/24", InvalidEndpoint::Path),
        ("0x7f.0x1", InvalidEndpoint::Ipv4),
        ("fe80::1%eth0", InvalidEndpoint::Zone),
        ("[fe80::1", InvalidEndpoint::Ipv6),
        ("[pve.lan]:8006", InvalidEndpoint::Ipv6),
        ("[::1]8006", InvalidEndpoint::Ipv6),
        ("1:2:3", InvalidEndpoint::Ipv6),
        ("pve lan", InvalidEndpoint::Character { position: 4, found: ' ' }),
        ("\"pve.lan\"", InvalidEndpoint::Character { position: 1, found: '"' }),
        ("pve.lan;", InvalidEndpoint::Character { position: 8, found: ';' }),
        ("'pve.lan'", InvalidEndpoint::Character { position: 1, found: '\'' }),
        ("\u{201c}pve.lan:8006\u{201d}", InvalidEndpoint::Character { position: 1, found: '\u{201c}' }),
        ("'10.0.0.1:8006'", InvalidEndpoint::Character { position: 1, found: '\'' }),
        ("pve.lan:8006;", InvalidEndpoint::Character { position: 13, found: ';' }),
        ("pve.lan,", InvalidEndpoint::Character { position: 8, found: ',' }),
        ("pve\u{200b}.lan", InvalidEndpoint::Character { position: 4, found: '\u{200b}' }),
        ("\u{201c}pve.lan\u{201d}", InvalidEndpoint::Character { position: 1, found: '\u{201c}' }),
        ("-pve", InvalidEndpoint::Name),
        ("pve..lan", InvalidEndpoint::Name),
        ("prüfung.lan", InvalidEndpoint::Letter),
        ("pve.lan\u{0}", InvalidEndpoint::Character { position: 8, found: '\0' }),
    ] {
        assert_eq!(text.parse::<Endpoint>(), Err(reason), "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
        let _ = text.parse::<Endpoint>();
    }

    #[test]
    fn an_endpoint_survives_its_own_text(name in "[a-z][a-z0-9]{0,9}(\\.[a-z]{2,5}){0,3}", port in 1_u16..) {
        let endpoint: Endpoint = format!("{name}:{port}").parse().unwrap();
        prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint.clone()));
        prop_assert_eq!(endpoint.url().parse(), Ok(endpoint));
    }

    #[test]
    fn an_address_survives_its_own_text(address in any::<std::net::IpAddr>(), port in 1_u16..) {
        let text = std::net::SocketAddr::new(address, port).to_string();
        let endpoint: Endpoint = text.parse().unwrap();
        prop_assert_eq!(endpoint.host().address(), Some(address));
        prop_assert_eq!(endpoint.to_string().parse(), Ok(endpoint));
    }
}
