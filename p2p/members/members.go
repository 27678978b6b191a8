// Package members says who belongs to a mesh. The one question is asked wherever
// a peer could take part: when its records are admitted, at hello, when it asks for
// blocks, and before it is dialed.
package members

import "github.com/libp2p/go-libp2p/core/peer"

// Membership decides who belongs to the mesh. It is asked often, from several
// goroutines, sometimes under a lock, so it must answer from memory. An answer may change: a peer whose
// membership ends is kept out from the next question on.
type Membership interface {
	// Admits returns nil when p belongs to the mesh, or else why it does not, in
	// words for the people at both ends.
	Admits(p peer.ID) error
}

// Everybody is the membership of an open mesh.
type Everybody struct{}

// Admits returns nil.
func (Everybody) Admits(peer.ID) error { return nil }

// OrEverybody returns m, or Everybody when m is nil.
func OrEverybody(m Membership) Membership {
	if m == nil {
		return Everybody{}
	}
	return m
}
