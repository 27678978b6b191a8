package rank

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/coreset"
)

func TestATeacherLabelsSetAndControls(t *testing.T) {
	p := small(t, Teacher)
	p.Models, p.Trials = []string{"mlp"}, 2
	p.Candidates = []Candidate{candidate(t, p.Data, coreset.Herding{}, 3, 1, artifact.U8)}
	r := ranked(t, t.Context(), p, t.TempDir()).Rows[0]
	if r.LabelBytes != 4*(144*200+200+200*200+200+200*3+3) {
		t.Errorf("a teacher of %d bytes", r.LabelBytes)
	}
	if r.Teacher == nil || r.Rates["syn_own"] == 0 || r.Rates["syn_hard"] == 0 || *r.AccSynOwn == *r.AccSynHard {
		t.Errorf("%+v", r)
	}
}

func TestSeveralTeachersLabelBySquaresOfTheirMeanLogits(t *testing.T) {
	p := small(t, Teacher)
	p.Models, p.Trials, p.References, p.Augmented, p.ByBytes = []string{"mlp"}, 1, 1, false, false
	p.Recipe.TeacherModel, p.Recipe.Loss, p.Recipe.Truth, p.Recipe.Temperature = "mlp,convnet3:4", Squares, 0.025, 0
	p.Candidates = []Candidate{candidate(t, p.Data, coreset.Herding{}, 3, 1, artifact.U8)}
	dir := t.TempDir()
	r := ranked(t, t.Context(), p, dir).Rows[0]
	if r.LabelBytes <= 4*(144*200+200+200*200+200+200*3+3) || r.Teacher == nil || r.AccSynOwn.Mean == r.AccSynHard.Mean {
		t.Errorf("%+v", r)
	}
	kept, err := filepath.Glob(filepath.Join(dir, teachersFolder, "*.safetensors"))
	if err != nil || len(kept) != 2 {
		t.Errorf("teachers %v, %v", kept, err)
	}
	p.Recipe.TeacherModel = "mlp,ntk:1"
	if err := p.Check(); !errors.Is(err, ErrPlan) {
		t.Errorf("a teacher that is no network: %v", err)
	}
}

func TestALabelThatATeacherGivesOnceIsStored(t *testing.T) {
	p := small(t, Stored)
	p.Models, p.Trials, p.Augmented, p.ByBytes = []string{"mlp"}, 2, false, false
	p.Candidates = []Candidate{candidate(t, p.Data, coreset.Herding{}, 3, 1, artifact.U8)}
	r := ranked(t, t.Context(), p, t.TempDir()).Rows[0]
	if r.LabelBytes != 4*9*3 || r.Teacher == nil || *r.AccSynOwn == *r.AccSynHard {
		t.Errorf("%+v", r)
	}
}
