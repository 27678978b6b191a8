package catalogue

import (
	"context"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/scores"
	"github.com/distillmesh/distillmesh/p2p/announce"
)

// ScoreRules say which announced scores are listed, and what is remembered of them.
type ScoreRules struct {
	Check    func(*scores.Score) error // refuses what cannot be computed again; nil for nothing
	Remember time.Duration             // how long what was found about the scores of others counts
	Now      func() time.Time
}

// JudgeScores sets the rules for scores. It must be called before other goroutines use the
// catalogue.
func (c *Catalogue) JudgeScores(rules ScoreRules) {
	c.rules = rules
	c.memory.scores = nil // were read by other rules
}

// Since is the time from which on it counts what was found about the scores of others.
func (c *Catalogue) Since() time.Time {
	if c.rules.Now == nil {
		return time.Time{}
	}
	return c.rules.Now().Add(-c.rules.Remember)
}

// Scores is all that is known of how good a set of a task is.
func (c *Catalogue) Scores(ctx context.Context, task, root cid.Cid) *scores.Known {
	offers := offersOf(c.Claims(ctx, announce.Query{Task: task, Subject: announce.SubjectSet, Root: root}))
	all := c.scores(announce.Query{Task: task, Root: root}, offers)
	c.addOwn(all, []listed{{root, task}})
	if known := all[listed{root, task}]; known != nil {
		return known
	}
	return &scores.Known{Claims: []scores.Signed{}, Attestations: []scores.Signed{}, Verified: []scores.Own{}}
}

// Failed is the latest score of each signer that was found false here and is not forgotten.
func (c *Catalogue) Failed() map[string]scores.Judgment {
	out := map[string]scores.Judgment{}
	for _, j := range c.held.State.Judged(c.Since()) {
		if !j.Agrees {
			out[j.Signer] = j
		}
	}
	return out
}

// HasFailed reports whether a score of a signer was found false here and is not forgotten.
func (c *Catalogue) HasFailed(signer string) bool { return c.held.State.HasFailed(signer, c.Since()) }

// offer is a set of a task with somebody who offers it.
type offer struct {
	listed
	signer peer.ID
}

// offersOf are the offers among claims about sets.
func offersOf(claims []Claim) map[offer]bool {
	out := map[offer]bool{}
	for _, claim := range claims {
		if claim.Kind == announce.Offer {
			out[offer{listed{claim.Root, claim.Task}, claim.Signer}] = true
		}
	}
	return out
}

// scores reads the announced scores that q selects: a claim where the signer offers the same set
// of the same task, else an attestation. Those that no measurement gives are left out.
func (c *Catalogue) scores(q announce.Query, offers map[offer]bool) map[listed]*scores.Known {
	q.Subject, q.Kinds = announce.SubjectScore, []announce.Kind{announce.Offer}
	out := map[listed]*scores.Known{}
	judged := map[string][]scores.Judgment{} // by the body that was judged
	for _, j := range c.held.State.Judged(c.Since()) {
		judged[j.Set+j.Signer+j.Digest] = append(judged[j.Set+j.Signer+j.Digest], j)
	}
	for _, r := range c.held.Book.Live(q) {
		signed, err := c.memory.score(r, c.readScore)
		if err != nil {
			c.log.Debug("score left out", "root", r.Root, "signer", r.Signer, "error", err)
			continue
		}
		key := listed{r.Root, r.Task}
		signed.Judged = []scores.Judgment{}
		if len(judged) > 0 {
			signed.Judged = append(signed.Judged, judged[r.Root.String()+signed.Signer+signed.Digest]...)
		}
		known := knownOf(out, key)
		if offers[offer{key, r.Signer}] {
			known.Claims = append(known.Claims, signed)
		} else {
			known.Attestations = append(known.Attestations, signed)
		}
	}
	return out
}

func (c *Catalogue) readScore(r announce.Record) (*scores.Score, error) {
	score, err := scores.Decode(r.Schema, r.Body)
	if err == nil && c.rules.Check != nil {
		err = c.rules.Check(score)
	}
	return score, err
}

// knownOf is the entry of a set, making it if need be. Its lists are never null in JSON.
func knownOf(all map[listed]*scores.Known, key listed) *scores.Known {
	if all[key] == nil {
		all[key] = &scores.Known{Claims: []scores.Signed{}, Attestations: []scores.Signed{}, Verified: []scores.Own{}}
	}
	return all[key]
}

// addOwn adds what this node measured of sets.
func (c *Catalogue) addOwn(all map[listed]*scores.Known, sets []listed) {
	own := map[string][]scores.Own{}
	for _, o := range c.held.State.Scores() {
		own[o.Set] = append(own[o.Set], o)
	}
	if len(own) == 0 {
		return
	}
	for _, key := range sets {
		if mine := own[key.root.String()]; len(mine) > 0 {
			known := knownOf(all, key)
			known.Verified = append(known.Verified, mine...)
		}
	}
}

// addScores adds to a list of sets what is known of how good they are.
func (c *Catalogue) addScores(infos map[listed]*operations.SetInfo, task cid.Cid, claims []Claim) {
	all := c.scores(announce.Query{Task: task}, offersOf(claims))
	keys := make([]listed, 0, len(infos))
	for key := range infos {
		keys = append(keys, key)
	}
	c.addOwn(all, keys)
	for key, info := range infos {
		info.Scores = all[key]
	}
}
