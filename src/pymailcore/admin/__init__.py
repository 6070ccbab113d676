"""Operations for operators: what the command line calls."""
