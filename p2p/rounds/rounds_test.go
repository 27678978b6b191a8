package rounds

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestRoundsFollowEachOtherWhenDueOrAskedForUntilTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, end := context.WithCancel(t.Context())
		start, wake := time.Now(), New()
		var at []time.Duration
		done := make(chan struct{})
		go func() {
			defer close(done)
			wake.Run(ctx, func() time.Duration {
				if at = append(at, time.Since(start)); len(at) == 2 {
					for range 3 {
						wake.Soon()
					}
				}
				return 10 * time.Second
			})
		}()
		time.Sleep(13 * time.Second)
		wake.Soon()
		time.Sleep(11 * time.Second)
		end()
		<-done
		want := []time.Duration{0, 10 * time.Second, 10 * time.Second, 13 * time.Second, 23 * time.Second}
		if !slices.Equal(at, want) {
			t.Errorf("rounds at %v, want %v", at, want)
		}
	})
}
