package p2p

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"

	"github.com/distillmesh/distillmesh/p2p/peers"
)

// serviceName is the DNS-SD service of a mesh, so that nodes of different meshes on
// one local network do not dial each other. DNS-SD allows 15 bytes.
func serviceName(mesh string) string {
	sum := sha256.Sum256([]byte(mesh))
	return fmt.Sprintf("_dm-%x._udp", sum[:5])
}

// startMDNS starts local discovery. On a network without multicast the node runs
// without it.
func (m *Mesh) startMDNS() error {
	if !m.cfg.MDNS {
		return nil
	}
	h := &lanHost{Host: m.host}
	service := mdns.NewMdnsService(h, serviceName(m.cfg.Mesh), (*neighbors)(m))
	m.copies.advertised()
	if err := service.Start(); err != nil {
		m.log.Warn("local discovery is off", "err", err)
		return nil
	}
	h.hidden.Store(true)
	m.mdns = service
	return nil
}

// lanHost is the host as local discovery sees it. The library skips answers that
// name the host's own id. So once it has advertised that id, the id is hidden from it,
// and a second node with the same key is reported.
type lanHost struct {
	host.Host
	hidden atomic.Bool
}

// ID implements host.Host.
func (h *lanHost) ID() peer.ID {
	if h.hidden.Load() {
		return ""
	}
	return h.Host.ID()
}

// neighbors receives the results of local discovery for the mesh.
type neighbors Mesh

// HandlePeerFound dials a peer of the local network. Discovery repeats itself, so
// peers that are connected or refused are left alone. Anybody on that network can make up peers
// and addresses, so the dials are limited.
func (n *neighbors) HandlePeerFound(info peer.AddrInfo) {
	m := (*Mesh)(n)
	if info.ID == m.host.ID() {
		m.copies.foundSelf(info.Addrs)
		return
	}
	if m.table.Admits(info.ID) != nil || m.host.Connected(info.ID) {
		return
	}
	info.Addrs = m.reach.Limit(m.reach.Plausible(info.Addrs))
	if len(info.Addrs) == 0 || !m.found.AllowN(m.cfg.Now(), 1) {
		return
	}
	m.spawn(func() {
		ctx, cancel := context.WithTimeout(m.ctx, peers.DialTimeout)
		defer cancel()
		if err := m.meet(ctx, info); err != nil {
			m.log.Debug("local peer not reached", "peer", info.ID, "err", err)
		}
	})
}
