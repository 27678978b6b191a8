package operations

import (
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/scores"
)

// The operations about scores of sets.
const (
	// Scores lists what is known of how good a set is.
	Scores = api.Op[RootRequest, SetScores]("scores")
	// PublishScore announces what this node measured of a set: now when online, else at
	// the next run.
	PublishScore = api.Op[PublishScoreRequest, PublishedScore]("score-publish")
	// RecordScores remembers what this node measured of sets, and what it found about the
	// scores of others.
	RecordScores = api.Op[RecordScoresRequest, api.None]("scores-record")
)

// SetScores is what is known of how good a set is.
type SetScores struct {
	CID  string `json:"cid"`
	Task string `json:"task"`
	scores.Known
}

// PublishScoreRequest announces a score of a set that is here or announced.
type PublishScoreRequest struct {
	CID   string       `json:"cid"`
	Score scores.Score `json:"score"`
}

// PublishedScore says how a score was announced.
type PublishedScore struct {
	CID       string `json:"cid"`
	Claim     bool   `json:"claim"`     // this node offers the set; else it attests
	Announced bool   `json:"announced"` // false: at the next run
}

// RecordScoresRequest is what was found. The node sets the times.
type RecordScoresRequest struct {
	Own    []scores.Own      `json:"own"`
	Judged []scores.Judgment `json:"judged"`
}
