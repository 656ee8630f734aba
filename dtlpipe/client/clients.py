"""The client: one platform, one identity, and the collections of verbs that speak to it.

    with Client("http://127.0.0.1:8080") as client:
        project = client.projects.create("first")

    async with AsyncClient("http://127.0.0.1:8080") as client:
        project = await client.projects.create("first")

Both are made of the same resources.

Longer than 400 lines because a client names each collection, and both colours are made with the same arguments.
"""

from __future__ import annotations

import time
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import attrs

from dtlpipe.config import Environments, Settings, resolve, usable_token
from dtlpipe.errors import ConfigurationError
from dtlpipe.sansio.effects import Op, Request, Response
from dtlpipe.sansio.exchange import Exchange, credentials_request
from dtlpipe.sansio.operation import Async, Bound, Colour, Session, Sync, operation

if TYPE_CHECKING:
    from dtlpipe.resources.annotations import Annotations
    from dtlpipe.resources.apps import Apps, Dpks
    from dtlpipe.resources.commands import Commands
    from dtlpipe.resources.compositions import Compositions
    from dtlpipe.resources.datasets import Datasets
    from dtlpipe.resources.events import Events
    from dtlpipe.resources.executions import Executions
    from dtlpipe.resources.items import Items
    from dtlpipe.resources.packages import Packages
    from dtlpipe.resources.pipeline_executions import PipelineExecutions
    from dtlpipe.resources.pipelines import Pipelines
    from dtlpipe.resources.projects import Projects
    from dtlpipe.resources.recipes import Recipes
    from dtlpipe.resources.services import Services
    from dtlpipe.resources.tasks import Tasks
    from dtlpipe.resources.triggers import Triggers
    from dtlpipe.sansio.wire import AsyncTransport, Transport
    from dtlpipe.transports.local import WsgiApp


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class _Client(Bound[Colour]):
    """What both colours have."""

    _exchange: Exchange = attrs.field(alias="exchange")

    @property
    def session(self) -> Session[Colour]:
        """What entities are bound to: `Item.from_wire(data, session=client.session)`."""
        return self._session

    @property
    def settings(self) -> Settings:
        """Where and as whom this client speaks."""
        return self._exchange.settings

    @property
    def environment(self) -> str:
        """The platform's url."""
        return self.settings.url

    # -- the collections ----------------------------------------------------------------------------------------------

    @cached_property
    def projects(self) -> Projects[Colour]:
        """All projects."""
        from dtlpipe.resources.projects import Projects

        return Projects(session=self._session)

    @cached_property
    def datasets(self) -> Datasets[Colour]:
        """All datasets; to create one, go through a project: `project.datasets`."""
        from dtlpipe.resources.datasets import Datasets

        return Datasets(session=self._session)

    @cached_property
    def items(self) -> Items[Colour]:
        """Items by id; to list or upload, go through a dataset: `dataset.items`."""
        from dtlpipe.resources.items import Items

        return Items(session=self._session)

    @cached_property
    def pipelines(self) -> Pipelines[Colour]:
        """All pipelines."""
        from dtlpipe.resources.pipelines import Pipelines

        return Pipelines(session=self._session)

    @cached_property
    def pipeline_executions(self) -> PipelineExecutions[Colour]:
        """Runs of any pipeline."""
        from dtlpipe.resources.pipeline_executions import PipelineExecutions

        return PipelineExecutions(session=self._session)

    @cached_property
    def services(self) -> Services[Colour]:
        """All services."""
        from dtlpipe.resources.services import Services

        return Services(session=self._session)

    @cached_property
    def triggers(self) -> Triggers[Colour]:
        """All triggers."""
        from dtlpipe.resources.triggers import Triggers

        return Triggers(session=self._session)

    @cached_property
    def executions(self) -> Executions[Colour]:
        """All executions, of nodes and of services."""
        from dtlpipe.resources.executions import Executions

        return Executions(session=self._session)

    @cached_property
    def tasks(self) -> Tasks[Colour]:
        """What task nodes of pipelines give to people."""
        from dtlpipe.resources.tasks import Tasks

        return Tasks(session=self._session)

    @cached_property
    def commands(self) -> Commands[Colour]:
        """Commands by id."""
        from dtlpipe.resources.commands import Commands

        return Commands(session=self._session)

    @cached_property
    def annotations(self) -> Annotations[Colour]:
        """Annotations by id; to list or upload, go through an item or a dataset: `item.annotations`."""
        from dtlpipe.resources.annotations import Annotations

        return Annotations(session=self._session)

    @cached_property
    def packages(self) -> Packages[Colour]:
        """All packages."""
        from dtlpipe.resources.packages import Packages

        return Packages(session=self._session)

    @cached_property
    def dpks(self) -> Dpks[Colour]:
        """All DPKs; to publish one, go through a project: `project.dpks`."""
        from dtlpipe.resources.apps import Dpks

        return Dpks(session=self._session)

    @cached_property
    def apps(self) -> Apps[Colour]:
        """All apps; to install one, go through a project: `project.apps`."""
        from dtlpipe.resources.apps import Apps

        return Apps(session=self._session)

    @cached_property
    def compositions(self) -> Compositions[Colour]:
        """What installed pipelines are made of."""
        from dtlpipe.resources.compositions import Compositions

        return Compositions(session=self._session)

    @cached_property
    def recipes(self) -> Recipes[Colour]:
        """All recipes."""
        from dtlpipe.resources.recipes import Recipes

        return Recipes(session=self._session)

    @cached_property
    def events(self) -> Events[Colour]:
        """What happens: `for event in client.events.follow(project_id=project.id): ...`."""
        from dtlpipe.resources.events import Events

        return Events(session=self._session)

    # -- who it is ----------------------------------------------------------------------------------------------------

    @property
    def token(self) -> str | None:
        """The token in use."""
        return self._exchange.identity.token

    def token_expired(self, t: float = 60) -> bool:
        """Whether a login is needed: no token where one is needed, or one that is over within `t` seconds."""
        identity = self._exchange.identity
        if identity.token is None:
            return not (identity.renewable or self.settings.loopback)
        return identity.expired(time.time(), t)

    def info(self, with_token: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - the field's own signature
        """The environment and the user, and with `with_token` the token, which should then not be printed."""
        identity = self._exchange.identity
        found = {"environment": self.environment, "user_email": identity.email or identity.username}
        return {**found, "token": identity.token} if with_token else found

    def logout(self) -> None:
        """Forgets token and credentials."""
        self._exchange.identity.forget()

    @operation
    def login_m2m(
        self,
        email: str,
        password: str,
        client_id: str | None = None,
        client_secret: str | None = None,
        force: bool = False,  # noqa: FBT001, FBT002
    ) -> Op[bool]:
        """Logs in with the credentials of a user or bot; True. They are kept, to log in again when the token is over.

        Does nothing if that user is logged in already, unless `force`. `client_id` and `client_secret` are not
        needed; they are taken because the field's SDK takes them.

        Raises:
            Unauthorized: the platform does not accept them; whoever was logged in before still is.
        """
        identity = self._exchange.identity
        if not force and identity.email == email and not identity.expired(time.time()):
            return True
        response: Response = yield credentials_request(email, password)
        identity.log_in(response.json(), self.settings.gate_url)
        identity.username, identity.password = email, password
        return True

    login_secret = login_m2m

    @operation
    def login_token(self, token: str) -> Op[bool]:
        """Uses a token from now on, once the platform has accepted it; True.

        Raises:
            Unauthorized: it does not accept it; whoever was logged in before still is.
            ConfigurationError: it cannot be a token.
        """
        token = usable_token(token)
        yield Request("GET", "/users/me", headers={"authorization": f"Bearer {token}"}, authorized=False)
        identity = self._exchange.identity
        identity.forget()
        identity.token = token
        return True

    login_api_key = login_token

    @operation
    def login(self) -> Op[bool]:
        """Makes sure of being logged in, without a browser; True.

        Raises:
            ConfigurationError: there is nothing to log in with.
        """
        if self.token_expired() and not self._exchange.identity.renewable:
            raise ConfigurationError(
                f"there is nothing to log in to {self.environment} with",
                hint="dl.login_m2m(email, password), dl.login_token(token), or set DTLPIPE_TOKEN",
            )
        yield Request("GET", "/users/me")
        return True

    def __repr__(self) -> str:
        identity = self._exchange.identity
        return f"{type(self).__name__}({self.environment!r}, {identity.email or identity.username or 'no user'})"


class Client(_Client[Sync]):
    """A client whose verbs return their result. Any number of threads may use it."""

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        username: str | None = None,
        password: str | None = None,
        gate_url: str | None = None,
        *,
        timeout: float | None = None,
        transport: Transport | str | None = None,
        app: WsgiApp | None = None,
        refresh_token: str | None = None,
        verify: bool | None = None,
        environments: Environments | None = None,
    ) -> None:
        """Makes a client; nothing is sent yet. What is not given is looked for as `dtlpipe.config` says.

        Args:
            url: the platform's, with or without `/api/v1`, or the alias of an environment.
            token: a JWT or an API key.
            username: with `password`, logs in at the first call, and again when the token is over.
            password: of `username`.
            gate_url: where tokens are handed out, if not beside the API.
            timeout: seconds for one answer.
            transport: 'httpx' (the default), 'requests', 'plain' (loaded sooner, for programs that ask one thing and
                end), or a transport of one's own, such as `dtlpipe.transports.requests.RequestsTransport(session=...)`;
                one that can `upload` carries files too.
            app: a WSGI application to call in this process, without a socket.
            refresh_token: renews a token that is over.
            verify: whether to check certificates.
            environments: where aliases are looked up.

        Raises:
            ConfigurationError: settings that do not work together.
        """
        from dtlpipe.transports.driver import SyncSession, exchange_for

        settings = _settings(
            url,
            token,
            username,
            password,
            gate_url,
            timeout,
            refresh_token,
            verify,
            environments,
            local=app is not None,
        )
        exchange = exchange_for(settings)
        carrier, bulk = _carriers(settings, transport, app)
        self._driver = SyncSession(exchange, carrier, bulk)
        super().__init__(session=self._driver, exchange=exchange)

    def close(self) -> None:
        """Closes the connections; the next call opens new ones."""
        self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


class AsyncClient(_Client[Async]):
    """A client whose verbs return an awaitable of their result."""

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        username: str | None = None,
        password: str | None = None,
        gate_url: str | None = None,
        *,
        timeout: float | None = None,
        transport: AsyncTransport | Transport | str | None = None,
        app: WsgiApp | None = None,
        refresh_token: str | None = None,
        verify: bool | None = None,
        environments: Environments | None = None,
    ) -> None:
        """Makes a client, as `Client` does. A transport whose `send` is no coroutine function is called in threads."""
        import inspect

        from dtlpipe.transports.async_driver import AsyncSession, InThreads
        from dtlpipe.transports.driver import exchange_for

        settings = _settings(
            url,
            token,
            username,
            password,
            gate_url,
            timeout,
            refresh_token,
            verify,
            environments,
            local=app is not None,
        )
        exchange = exchange_for(settings)
        own: Any = None if isinstance(transport, str) else transport
        carrier: AsyncTransport
        if app is None and transport in (None, "httpx"):
            from dtlpipe.transports.async_httpx import AsyncHttpxTransport
            from dtlpipe.transports.requests import RequestsTransport

            carrier, bulk = AsyncHttpxTransport(settings), RequestsTransport(settings)
        elif own is not None and inspect.iscoroutinefunction(own.send):
            carrier, bulk = own, _carriers(settings, None, app)[1]
        else:
            blocking, bulk = _carriers(settings, own or transport, app)
            carrier = InThreads(blocking)
        self._driver = AsyncSession(exchange, carrier, bulk)
        super().__init__(session=self._driver, exchange=exchange)

    async def aclose(self) -> None:
        """Closes the connections; the next call opens new ones."""
        await self._driver.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()


def _settings(
    url: str | None,
    token: str | None,
    username: str | None,
    password: str | None,
    gate_url: str | None,
    timeout: float | None,
    refresh_token: str | None,
    verify: bool | None,  # noqa: FBT001
    environments: Environments | None,
    *,
    local: bool,
) -> Settings:
    if local:
        from dtlpipe.transports.local import URL

        url = url or URL
    return resolve(
        url=url,
        token=token,
        username=username,
        password=password,
        gate_url=gate_url,
        timeout=timeout,
        refresh_token=refresh_token,
        verify=verify,
        environments=environments,
        environ={} if local else None,  # the environment speaks of another platform than the one in this process
    )


def _carriers(settings: Settings, transport: Any, app: WsgiApp | None) -> tuple[Any, Any]:
    """A transport for JSON calls and one for files."""
    if app is not None:
        if transport is not None:
            raise ConfigurationError("app and transport do not go together")
        from dtlpipe.transports.local import LocalTransport

        local = LocalTransport(app)
        return local, local
    from dtlpipe.transports.requests import RequestsTransport

    if transport is None or transport == "httpx":
        from dtlpipe.transports.httpx import HttpxTransport

        return HttpxTransport(settings), RequestsTransport(settings)
    if transport == "plain":
        from dtlpipe.transports.plain_json import PlainTransport

        return PlainTransport(settings), RequestsTransport(settings)
    if transport == "requests":
        requests = RequestsTransport(settings)
        return requests, requests
    if not hasattr(transport, "send"):
        raise ConfigurationError(
            f"{transport!r} is no transport", hint="'httpx', 'requests', 'plain', or an object with send()"
        )
    return transport, transport if hasattr(transport, "upload") else RequestsTransport(settings)
