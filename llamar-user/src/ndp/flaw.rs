//! Why a packet is to be discarded silently.

/// What is wrong with a packet (RFC 4861 7.1.1, 7.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Flaw {
    /// It is none of the messages looked for, in an IPv6 packet without extension headers.
    #[error("another message")]
    Other,
    /// It ends before it is whole.
    #[error("cut short")]
    Short,
    /// The hop limit is not 255: it may come from another link.
    #[error("hop limit {0}, not 255")]
    HopLimit(u8),
    /// The checksum is wrong.
    #[error("wrong checksum")]
    Checksum,
    /// The code is not 0.
    #[error("code {0}, not 0")]
    Code(u8),
    /// The target is a multicast address.
    #[error("a multicast address as target")]
    Target,
    /// An option of length 0, or one that reaches beyond the end.
    #[error("an option of wrong length")]
    Option,
    /// A solicitation from the unspecified address that is not sent to a solicited-node group.
    #[error("from :: to {0}, which is no solicited-node group")]
    Destination(std::net::Ipv6Addr),
    /// A solicitation from the unspecified address that tells a hardware address.
    #[error("from :: with a source link-layer address")]
    SourceLinkLayer,
    /// An advertisement to a group that says it answers a solicitation.
    #[error("solicited, but sent to a group")]
    Solicited,
}
