package members

import (
	"errors"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
)

type nobody struct{ reason error }

func (n nobody) Admits(peer.ID) error { return n.reason }

func TestAMeshWithoutAMembershipIsOpenToEverybody(t *testing.T) {
	if err := OrEverybody(nil).Admits("anyone"); err != nil {
		t.Errorf("an open mesh refuses: %v", err)
	}
	reason := errors.New("by invitation")
	if err := OrEverybody(nobody{reason}).Admits("anyone"); !errors.Is(err, reason) {
		t.Errorf("a given membership was not asked: %v", err)
	}
}
