package catchup

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-msgio"

	"github.com/distillmesh/distillmesh/p2p/streamtest"
)

func TestAPeerThatAnswersSlowlyDoesNotHoldUpWhoAsks(t *testing.T) {
	for name, tt := range map[string]struct{ patience, want time.Duration }{
		"who waits for five seconds":  {5 * time.Second, 5 * time.Second},
		"who has all the time he can": {100 * time.Hour, totalTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asker, signer := newNode(t, 1), newNode(t, 9)
				known := signer.issue(task, "set", 1)
				asker.put(known...)
				slow := encoded(t, page{envelopes: [][]byte{known[0].Envelope}})
				asker.other = func(s network.Stream) {
					defer s.Close()
					_, _ = msgio.NewVarintReaderSize(s, maxQuery).ReadMsg()
					for w := msgio.NewVarintWriter(s); ; {
						time.Sleep(stallTimeout - time.Second)
						if w.WriteMsg(slow) != nil {
							return
						}
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), tt.patience)
				defer cancel()
				start := time.Now()
				_, err := asker.Ask(ctx, signer.id, []cid.Cid{task})
				if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) || took != tt.want {
					t.Errorf("%v after %v, want %v", err, took, tt.want)
				}
				time.Sleep(stallTimeout) // the other side notices
			})
		})
	}
}

func TestAPeerThatReadsSlowlyIsNotAnsweredForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answerer := newNode(t, 2)
		answerer.issue(task, "set", 1000)
		ours, theirs := streamtest.Pipe("asker", answerer.id)
		defer ours.Close()
		query, err := encodeQuery([]question{{topic: task}})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan time.Time, 1)
		go func() {
			answerer.Answer(theirs)
			ended <- time.Now()
		}()
		start := time.Now()
		if err := msgio.NewVarintWriter(ours).WriteMsg(query); err != nil {
			t.Fatal(err)
		}
		for r := msgio.NewVarintReaderSize(ours, maxPage); ; time.Sleep(stallTimeout - time.Second) {
			if _, err := r.ReadMsg(); err != nil {
				break
			}
		}
		if took := (<-ended).Sub(start); took != totalTimeout {
			t.Errorf("the answer took %v", took)
		}
	})
}
