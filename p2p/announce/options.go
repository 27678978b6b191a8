package announce

import (
	"errors"
	"fmt"
	"time"

	"github.com/distillmesh/distillmesh/p2p/members"
)

// Verdict is the outcome of judging an announcement and the peer that forwarded it.
type Verdict int

// The verdicts. The zero value is not a verdict.
const (
	Accept Verdict = iota + 1 // kept and forwarded
	Ignore                    // dropped; an honest peer may have forwarded it
	Reject                    // dropped; no honest peer would have forwarded it
)

// String returns the verdict's name.
func (v Verdict) String() string {
	switch v {
	case Accept:
		return "accept"
	case Ignore:
		return "ignore"
	case Reject:
		return "reject"
	}
	return fmt.Sprintf("verdict %d", int(v))
}

// Reasons for Ignore. Each depends on local state, so the forwarder is not penalized.
var (
	ErrExpired       = errors.New("announcement expired")
	ErrFromFuture    = errors.New("announcement issued too far in the future")
	ErrHeld          = errors.New("announcement already held")
	ErrStale         = errors.New("announcement older than the one held")
	ErrUnknownSigner = errors.New("announcement signer is no member")
	ErrNewSubject    = errors.New("announcement subject unknown")
	ErrOverQuota     = errors.New("announcement quota used up")
	ErrTooOften      = errors.New("announcement renewed too often")
)

// ErrWrongTopic is the Reject for an announcement that came over another topic.
var ErrWrongTopic = errors.New("announcement belongs to another topic")

// ErrNothingToWithdraw is returned by Issue for a withdrawal of what was never announced.
var ErrNothingToWithdraw = errors.New("nothing announced to withdraw")

// Options of a Book. DefaultOptions gives the values in use.
type Options struct {
	Now          func() time.Time   // clock
	Lifetime     time.Duration      // Expires - Issued of what Issue signs, unless a draft says otherwise
	MaxAhead     time.Duration      // tolerated clock difference for Issued; more keeps records of wrong clocks longer
	MaxRecords   int                // records held of all signers, an eighth more of scores; some 2 KiB of memory each
	MaxPerSigner int                // records held of one signer
	Membership   members.Membership // whose records are kept; nil means everybody's
}

// DefaultOptions returns the options of an edge node.
func DefaultOptions() Options {
	return Options{
		Now: time.Now, Lifetime: 2 * time.Hour, MaxAhead: 15 * time.Minute, MaxRecords: 8192, MaxPerSigner: 1024,
	}
}

// Validate names the first field that is out of range.
func (o Options) Validate() error {
	switch {
	case o.Now == nil:
		return errors.New("announce options: Now: must be set")
	case o.Lifetime < time.Second || o.Lifetime > MaxLifetime:
		return fmt.Errorf("announce options: Lifetime: %v, must be 1s to %v", o.Lifetime, MaxLifetime)
	case o.MaxAhead < 0:
		return fmt.Errorf("announce options: MaxAhead: %v, must not be negative", o.MaxAhead)
	case o.MaxRecords < 1 || o.MaxPerSigner < 1:
		return fmt.Errorf("announce options: MaxRecords %d, MaxPerSigner %d: must be at least 1",
			o.MaxRecords, o.MaxPerSigner)
	}
	return nil
}
