package node

import (
	"sync/atomic"
	"testing"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/operations"
)

// slowFetch is a fetch that is under way.
type slowFetch struct {
	blocks atomic.Int64 // that arrived
	ended  chan error
}

func beginFetch(t *testing.T, n *Node, set string) *slowFetch {
	t.Helper()
	f := &slowFetch{ended: make(chan error, 1)}
	go func() {
		count := func(api.Progress) { f.blocks.Add(1) }
		_, err := operations.Fetch.Do(t.Context(), n, operations.RootRequest{CID: set}, count)
		f.ended <- err
	}()
	return f
}

// isUnderWay fails if the fetch has ended.
func (f *slowFetch) isUnderWay(t *testing.T, after string) {
	t.Helper()
	select {
	case err := <-f.ended:
		t.Fatalf("after %s the slow fetch has ended, so that what was done may have waited for it: %v", after, err)
	default:
	}
}

// A provider sends one block and the next much later, or all but one and that never. Meanwhile all
// that concerns other sets goes on, and so does the fetch when somebody else has the set.
func TestNothingWaitsForAFetchFromASlowProvider(t *testing.T) {
	t.Parallel()
	_, n, name := offline(t)
	slow := makeSet(t, n, name, "gmm", 100)
	content := contentOf(t, n, slow.CID)
	for provider, holdBack := range map[string]func(t *testing.T, s *stranger){
		"of one that sends one block, and the next much later": func(_ *testing.T, s *stranger) { s.shelf.holdBack(1) },
		"of one that withholds one block for ever": func(t *testing.T, s *stranger) {
			s.shelf.lackBlock(t, content["manifest.json"].Data) // the others may be those of another set too
		},
	} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			h, honest := published(t, 3)
			edge := start(t, h, StartOptions{})
			r := start(t, shortHome(t), StartOptions{Bootstrap: []string{edge.addr}})
			if err := r.node.takePartIn(t.Context(), cid.MustParse(slow.Task)); err != nil {
				t.Fatal(err)
			}
			announced := func(count int) func() bool {
				return func() bool {
					all, err := operations.Sets.Do(t.Context(), r, operations.SetQuery{Remote: true}, nil)
					return err == nil && len(all) == count
				}
			}
			until(t, "the honest sets announced", announced(3))
			get := func(i int) {
				t.Helper()
				got, err := operations.Fetch.Do(t.Context(), r, operations.RootRequest{CID: honest[i].CID}, nil)
				if err != nil || got.Bytes != honest[i].Bytes {
					t.Errorf("get: %+v, %v", got, err)
				}
			}
			get(0)
			get(1)

			liar := strangerAt(t, r.addr)
			offer := liar.add(t, cid.MustParse(slow.Task), content)
			holdBack(t, liar)
			liar.say(t, offer, bodyOf(slow))
			until(t, "the slow set announced", announced(4))
			f := beginFetch(t, r.node, slow.CID)
			until(t, "a block arrived", func() bool { return f.blocks.Load() > 0 })

			if _, err := operations.Remove.Do(t.Context(), r, operations.RootRequest{CID: honest[0].CID}, nil); err != nil {
				t.Error(err)
			}
			f.isUnderWay(t, "rm")
			if all := sets(t, r); len(all) != 1 || all[0].CID != honest[1].CID {
				t.Errorf("ls lists %+v", all)
			}
			f.isUnderWay(t, "ls")
			if s := status(t, r); s.Sets != 1 {
				t.Errorf("status says %d sets", s.Sets)
			}
			f.isUnderWay(t, "status")
			get(1)
			f.isUnderWay(t, "get of what is here")
			get(2)
			f.isUnderWay(t, "get of another set")

			// Somebody else has it too.
			helper := strangerAt(t, r.addr)
			helper.say(t, helper.add(t, cid.MustParse(slow.Task), content), bodyOf(slow))
			if err := <-f.ended; err != nil {
				t.Errorf("the slow fetch, from an honest provider too: %v", err)
			}
			if all := sets(t, r); len(all) != 3 {
				t.Errorf("%d sets are here in the end, want 3", len(all))
			}
		})
	}
}
