package p2p

import (
	"context"
	"crypto/sha256"
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"
)

// serviceName is what nodes of one mesh call themselves on the local network, so
// that different meshes do not dial each other. DNS-SD allows 15 bytes.
func serviceName(mesh string) string {
	sum := sha256.Sum256([]byte(mesh))
	return fmt.Sprintf("_dm-%x._udp", sum[:5])
}

// startMDNS begins to find peers on the local network, and to be found. A network
// without multicast is no reason not to start.
func (m *Mesh) startMDNS() error {
	if !m.cfg.MDNS {
		return nil
	}
	service := mdns.NewMdnsService(m.host, serviceName(m.cfg.Mesh), (*neighbours)(m))
	if err := service.Start(); err != nil {
		m.log.Warn("local discovery is off", "err", err)
		return nil
	}
	m.mdns = service
	return nil
}

// neighbours is the mesh as the listener of local discovery.
type neighbours Mesh

// HandlePeerFound dials a peer of the local network. Discovery repeats itself, so
// connected and lately refused peers are left alone.
func (n *neighbours) HandlePeerFound(info peer.AddrInfo) {
	m := (*Mesh)(n)
	if info.ID == m.host.ID() || m.peers.refused(info.ID) || m.host.Network().Connectedness(info.ID) == network.Connected {
		return
	}
	m.spawn(func() {
		ctx, cancel := context.WithTimeout(m.ctx, dialTimeout)
		defer cancel()
		if err := m.meet(ctx, info); err != nil {
			m.log.Debug("neighbour not met", "peer", info.ID, "err", err)
		}
	})
}
