//! The calls of a dialect in one table: what they are named, and by which method and path.

/// Declares the calls of a dialect as an enum, with their methods and paths.
///
/// `below` is put before the paths where they are told, so that those of all dialects differ.
macro_rules! actions {
    (
        $(#[doc = $about:literal])*
        $visible:vis enum Action below $below:literal;
        $($(#[doc = $doc:literal])* $action:ident = $method:literal $path:literal;)*
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $visible enum Action {
            $($(#[doc = $doc])* $action,)*
        }

        impl Action {
            /// All of them.
            $visible const ALL: &[Self] = &[$(Self::$action),*];

            /// The method by which it is asked for; `*` where any will do.
            $visible fn method(self) -> &'static str {
                match self {
                    $(Self::$action => $method,)*
                }
            }

            /// Its path among those of all dialects, with `{}` around what is not to be taken
            /// literally.
            $visible fn path(self) -> &'static str {
                match self {
                    $(Self::$action => concat!($below, $path),)*
                }
            }
        }
    };
}

pub(crate) use actions;
