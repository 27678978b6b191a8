// Package rounds repeats work when it is due, or when something asks for it.
package rounds

import (
	"context"
	"time"
)

// Wake asks for a round; while one runs, any number of calls ask for one more. It is safe for
// concurrent use; New makes it.
type Wake chan struct{}

// New makes a Wake.
func New() Wake { return make(Wake, 1) }

// Soon asks for a round.
func (w Wake) Soon() {
	select {
	case w <- struct{}{}:
	default: // a round is due already
	}
}

// Run calls round at once, whenever one is asked for, and after the time that the last returned,
// until ctx ends.
func (w Wake) Run(ctx context.Context, round func() time.Duration) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w:
		case <-timer.C:
		}
		timer.Reset(round())
	}
}
