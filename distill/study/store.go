package study

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/federated"
)

// store is the folder of a study: beside the results of runs it holds
//
//	runs/NAME.HASH.part    rounds of an unfinished federated run, and
//	runs/NAME.HASH.5.state  the state after the last of them
//	sets/NAME.HASH/0003/   the set of one client, and client.json
//	experts/               networks that trajectory matching trained on the parts
type store struct{ *trial.Store }

func (s *store) open(dir string) (err error) {
	s.Store, err = trial.Open(dir, setsFolder, expertsFolder)
	return err
}

func (s store) part(name string) string { return s.Beside(name, "part") }
func (s store) state(name string, round int) string {
	return s.Beside(name, fmt.Sprintf("%d.state", round))
}
func (s store) set(name string, client int) string {
	return s.Path(setsFolder, name, fmt.Sprintf("%04d", client))
}

// experts is the folder where methods keep what other distillations of a part may reuse.
func (s store) experts() string { return s.Path(expertsFolder) }

// expertsFolder holds expert trajectories.
const expertsFolder = "experts"

// setsFolder holds all sets in the study's folder.
const setsFolder = "sets"

// ReadSet reads the set of one client in a study's folder, verified.
func ReadSet(dir string, task *data.Task) (*artifact.Set, error) {
	files, err := filesOf(dir)
	if err != nil {
		return nil, err
	}
	return artifact.ReadSet(files, task, artifact.Limits{})
}

// readIfThere is nil when there is no file.
func readIfThere(path string) ([]byte, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return content, err
}

// writeState keeps what a federated run resumes from after a round.
func (s store) writeState(name string, state federated.State) error {
	content, err := state.Encode()
	if err != nil {
		return err
	}
	return trial.WriteFile(s.state(name, state.Round), content)
}

func (s store) readState(name string, round int) (*federated.State, error) {
	content, err := os.ReadFile(s.state(name, round))
	if err != nil {
		return nil, err
	}
	state, err := federated.DecodeState(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.state(name, round), err)
	}
	return &state, nil
}

// removeIfThere removes a file; a missing file is no error.
func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// writeFolder writes the whole folder or nothing.
func writeFolder(path string, files artifact.Files) error {
	partial := path + ".partial"
	if err := errors.Join(os.RemoveAll(partial), os.RemoveAll(path), os.MkdirAll(partial, 0o755)); err != nil {
		return err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(partial, name), content, 0o644); err != nil {
			return err
		}
	}
	return os.Rename(partial, path)
}
