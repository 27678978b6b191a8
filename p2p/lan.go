package p2p

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/host"
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
	h := &lanHost{Host: m.host}
	service := mdns.NewMdnsService(h, serviceName(m.cfg.Mesh), (*neighbours)(m))
	m.told()
	if err := service.Start(); err != nil {
		m.log.Warn("local discovery is off", "err", err)
		return nil
	}
	h.told.Store(true)
	m.mdns = service
	return nil
}

// lanHost is the host as local discovery sees it. The library passes over what it
// hears of the host's own id; once it has said that id to the network, it is told
// none, so that a second node with the same key is heard of.
type lanHost struct {
	host.Host
	told atomic.Bool
}

// ID implements host.Host.
func (h *lanHost) ID() peer.ID {
	if h.told.Load() {
		return ""
	}
	return h.Host.ID()
}

// neighbours is the mesh as the listener of local discovery.
type neighbours Mesh

// HandlePeerFound dials a peer of the local network. Discovery repeats itself, so
// connected and lately refused peers are left alone.
func (n *neighbours) HandlePeerFound(info peer.AddrInfo) {
	m := (*Mesh)(n)
	if info.ID == m.host.ID() {
		m.selfFound(info.Addrs)
		return
	}
	if m.peers.refused(info.ID) || m.host.Network().Connectedness(info.ID) == network.Connected {
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
