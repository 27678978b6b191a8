package api

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestATableRefusesWhatItCannotRun(t *testing.T) {
	c := local{(&host{}).table()}
	for name, do := range map[string]func() error{
		"an operation that nobody bound": func() error {
			_, err := Op[None, None]("unheard-of").Do(t.Context(), c, None{}, nil)
			return err
		},
		"a request of another type": func() error {
			_, err := Op[int, greetResult](greet).Do(t.Context(), c, 3, nil)
			return err
		},
		"a result of another type": func() error {
			_, err := Op[greetRequest, int](greet).Do(t.Context(), c, greetRequest{}, nil)
			return err
		},
		"an upload without files": func() error {
			_, err := store.Do(t.Context(), c, greetRequest{}, nil, nil)
			return err
		},
	} {
		var e *Error
		if err := do(); !errors.As(err, &e) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTwoOperationsOfOneNameAreAMistake(t *testing.T) {
	defer func() {
		if text, _ := recover().(string); !strings.Contains(text, `"twice"`) {
			t.Errorf("panicked with %q", text)
		}
	}()
	same := Handle(Op[None, None]("twice"), func(context.Context, None, Report) (None, error) { return None{}, nil })
	NewTable(same, same)
}

func TestCodesHaveTheirExitCodes(t *testing.T) {
	seen := map[int]Code{}
	for code, exit := range exitCodes {
		if other, twice := seen[exit]; twice || exit < 1 || code.ExitCode() != exit {
			t.Errorf("%s exits with %d, %s too", code, exit, other)
		}
		seen[exit] = code
	}
	if got := Code("of a later version").ExitCode(); got != 1 {
		t.Errorf("an unknown code exits with %d", got)
	}
}

func TestDescribeKeepsTheFirstCodeItFinds(t *testing.T) {
	cause := errors.New("cause")
	wrapped := Fail(CodeVerify, "try again", "verify: %w", cause)
	if !errors.Is(wrapped, cause) || Describe(wrapped) != wrapped {
		t.Errorf("%v is not what was built", wrapped)
	}
	for want, err := range map[Code]error{
		CodeVerify:  errors.Join(wrapped, context.Canceled),
		CodeStopped: errors.Join(cause, context.Canceled),
		CodeBusy:    errors.Join(errors.New("x"), cause),
		CodeFailed:  errors.New("x"),
	} {
		if got := Describe(err, Cause{cause, CodeBusy, "wait"}); got.Code != want || got.Message != err.Error() {
			t.Errorf("%v is %+v, want %s", err, *got, want)
		}
	}
}

func TestAMessageWithoutAHintHasNone(t *testing.T) {
	raw, err := json.Marshal(message{Error: Fail(CodeFailed, "", "x")})
	if err != nil || string(raw) != `{"error":{"code":"failed","message":"x"}}` {
		t.Errorf("%s, %v", raw, err)
	}
}
