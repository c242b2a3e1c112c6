//! Which addresses are public.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv4 networks that are not for the public, by IANA's special-purpose registry, and one public
/// address that answers as a cloud's metadata service.
const SPECIAL_V4: [([u8; 4], u32); 16] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([168, 63, 129, 16], 32),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Multicast, and what was reserved beyond it, broadcast included.
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// The part of IPv6 that is given out.
const GLOBAL_V6: ([u16; 3], u32) = ([0x2000, 0, 0], 3);

/// IPv6 networks within it that are not for the public: protocol assignments (Teredo, ORCHID),
/// documentation, 6to4, which leads to any IPv4 address.
const SPECIAL_V6: [([u16; 3], u32); 4] = [
    ([0x2001, 0, 0], 23),
    ([0x2001, 0xdb8, 0], 32),
    ([0x2002, 0, 0], 16),
    ([0x3fff, 0, 0], 20),
];

/// Whether the address is one that anybody on the Internet may connect to.
///
/// IPv6 forms that stand for an IPv4 address (mapped, compatible, NAT64, 6to4, Teredo) are not,
/// whatever address they stand for: a public host has no need of them.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !SPECIAL_V4.iter().any(|network| in_v4(address, network)),
        IpAddr::V6(address) => {
            in_v6(address, &GLOBAL_V6) && !SPECIAL_V6.iter().any(|network| in_v6(address, network))
        }
    }
}

fn in_v4(address: Ipv4Addr, (network, bits): &([u8; 4], u32)) -> bool {
    (address.to_bits() ^ u32::from_be_bytes(*network)) >> (32 - bits) == 0
}

fn in_v6(address: Ipv6Addr, ([a, b, c], bits): &([u16; 3], u32)) -> bool {
    let network = Ipv6Addr::new(*a, *b, *c, 0, 0, 0, 0, 0);
    (address.to_bits() ^ network.to_bits()) >> (128 - bits) == 0
}
