package peers

import (
	"net/netip"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// Bits of the ranges that usually belong to one owner.
const (
	rangeV4 = 24
	rangeV6 = 48
)

// RangeOf returns the range of a public address: an IPv4 /24 or an IPv6 /48, which one
// owner usually has whole. It is invalid for private addresses, loopback and names,
// behind which any number of devices may be.
func RangeOf(a ma.Multiaddr) netip.Prefix {
	if !manet.IsPublicAddr(a) {
		return netip.Prefix{}
	}
	ip, err := manet.ToIP(a)
	if err != nil {
		return netip.Prefix{}
	}
	addr, ok := netip.AddrFromSlice(ip)
	if !ok {
		return netip.Prefix{}
	}
	addr = addr.Unmap()
	bits := rangeV6
	if addr.Is4() {
		bits = rangeV4
	}
	r, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return r
}
