package p2p

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// socketOf returns the TCP or UDP socket behind a listen address that this node
// can serve: IP, then tcp, or udp with quic-v1.
func socketOf(a ma.Multiaddr) (net.Addr, error) {
	var names []string
	for _, p := range a.Protocols() {
		names = append(names, p.Name)
	}
	switch strings.Join(names, "/") {
	case "ip4/tcp", "ip6/tcp":
		return manet.ToNetAddr(a)
	case "ip4/udp/quic-v1", "ip6/udp/quic-v1":
		socket, _ := ma.SplitLast(a)
		return manet.ToNetAddr(socket)
	}
	return nil, fmt.Errorf("no transport for /%s", strings.Join(names, "/"))
}

// probe finds out whether a fixed port is free. libp2p listens with address
// reuse, so a second node on the same port would start and share its connections.
func probe(a ma.Multiaddr) error {
	socket, err := socketOf(a)
	if err != nil {
		return err
	}
	switch s := socket.(type) {
	case *net.TCPAddr:
		if s.Port == 0 {
			return nil
		}
		l, err := net.ListenTCP("tcp"+family(s.IP), s)
		if err == nil {
			return l.Close()
		}
		return listenError(a, err)
	case *net.UDPAddr:
		if s.Port == 0 {
			return nil
		}
		c, err := net.ListenUDP("udp"+family(s.IP), s)
		if err == nil {
			return c.Close()
		}
		return listenError(a, err)
	}
	return fmt.Errorf("listen on %s: unexpected socket %T", a, socket)
}

// family keeps a wildcard of one IP version from standing for both.
func family(ip net.IP) string {
	if ip.To4() != nil {
		return "4"
	}
	return "6"
}

// wsaAddrInUse is what Windows calls EADDRINUSE.
const wsaAddrInUse = syscall.Errno(10048)

func listenError(a ma.Multiaddr, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, wsaAddrInUse) {
		return &AddrInUseError{Addr: a}
	}
	return fmt.Errorf("listen on %s: %w", a, err)
}
