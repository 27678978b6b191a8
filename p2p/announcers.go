package p2p

import (
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/peers"
)

// enoughPeers is how many peers a joined task has when its announcers are no longer
// dialed: with so many, gossip brings what the others announce.
func (p Profile) enoughPeers() int {
	if p == ProfileTrainer {
		return 64
	}
	return 4
}

// openAnnouncers makes the dialing of announcers.
func (m *Mesh) openAnnouncers() {
	m.announcers = peers.NewAnnouncers(m.host, peers.AnnouncersOptions{
		Wanted: m.wantedAnnouncers, Admits: m.table.Admits, Own: m.localAddrs, Now: m.cfg.Now, Logger: m.log,
	})
}

// runAnnouncers dials announcers until the mesh closes.
func (m *Mesh) runAnnouncers() {
	cancel := m.book.Watch(func(r announce.Record) {
		if r.Signer != m.host.ID() && len(r.Addrs) > 0 {
			m.announcers.Wake()
		}
	})
	defer cancel()
	m.announcers.Run(m.ctx)
}

// wantedAnnouncers returns who announces joined tasks that have few peers, or something
// of them, with the addresses that they signed.
func (m *Mesh) wantedAnnouncers() []peer.AddrInfo {
	profile := m.cfg.Profile
	if m.host.Size() >= profile.limits().low {
		return nil
	}
	var out []peer.AddrInfo
	seen := map[peer.ID]bool{m.host.ID(): true}
	for _, task := range m.bus.Tasks() {
		if m.bus.Peers(task) >= profile.enoughPeers() {
			continue
		}
		for _, r := range m.book.Live(announce.Query{Task: task}) {
			if !seen[r.Signer] && len(r.Addrs) > 0 {
				seen[r.Signer] = true
				out = append(out, peer.AddrInfo{ID: r.Signer, Addrs: slices.Clone(r.Addrs)})
			}
		}
	}
	return out
}
