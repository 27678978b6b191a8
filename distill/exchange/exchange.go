// Package exchange imports sets that other programs distilled, and exports sets of this one: Read
// gives the samples of a task in .npz, safetensors and PyTorch files or folders of pictures, and
// Write writes a set as the DD-Ranking package reads it (Li, Zhong et al. 2025, arXiv 2505.13300;
// release 0.2.0).
//
// What a foreign file leaves open is decided by Options, or inferred and noted with the flag that
// decides it, or refused: nothing is assumed silently. Files are untrusted; readers bound them and
// execute nothing in them.
//
// Refusals are of type *files.Error, with a place and a hint, and wrap one of the causes below;
// other errors are those of the file system and of package artifact.
package exchange

import (
	"errors"
	"fmt"

	"github.com/distillmesh/distillmesh/train/data/files"
	"github.com/distillmesh/distillmesh/train/data/files/pickle"
)

// Causes of errors.
var (
	// ErrOption means that an option has no such value, or that options contradict each other.
	ErrOption = errors.New("option does not suit")
	// ErrFormat means that a file is of no kind that Read reads, or damaged.
	ErrFormat = errors.New("no set that can be imported")
	// ErrObject means that a file holds code or objects; nothing of it was executed.
	ErrObject = pickle.ErrObject
	// ErrTooLarge means that a file holds more than the limits.
	ErrTooLarge = files.ErrTooLarge
	// ErrNames means that no array, or more than one, is called like images or labels.
	ErrNames = errors.New("which arrays are meant is not told")
	// ErrShape means that images do not have the shape of the task.
	ErrShape = errors.New("images do not suit the task")
	// ErrValues means that what the values of images mean cannot be told from them.
	ErrValues = errors.New("what the values mean is not told")
	// ErrLabels means that labels do not suit the images or the classes of the task.
	ErrLabels = errors.New("labels do not suit")
	// ErrExport means that a set cannot be written in the form that was asked for.
	ErrExport = errors.New("set cannot be exported")
)

// wrong is an error about a whole file.
func wrong(path string, cause error, hint, format string, args ...any) error {
	return &files.Error{Path: path, Place: files.Whole, Hint: hint,
		Err: fmt.Errorf("%w: %s", cause, fmt.Sprintf(format, args...))}
}

// caused gives an error of a reader of files one of the causes and the path, and keeps its place
// and hint. Errors about code, size, or the file system stay what they are.
func caused(path string, cause, err error) error {
	if err == nil {
		return nil
	}
	err = files.Named(path, err)
	var known *files.Error
	if !errors.As(err, &known) || errors.Is(err, ErrObject) || errors.Is(err, ErrTooLarge) || errors.Is(err, cause) {
		return err
	}
	out := *known
	out.Err = fmt.Errorf("%w: %w", cause, known.Err)
	return &out
}
